import { array, assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PrefixTable } from '../../../src/http/prefix_table.ts'

const table = (...names: string[]) => new PrefixTable(new Map(names.map((name) => [name, name])))

describe('a prefix table', () => {
  test('finds the longest name that a text begins with', () => {
    const names = table('/', '/a', '/a/b/', '/a/bc', '/b')
    expect(names.find('/a/b/c')).toBe('/a/b/')
    expect(names.find('/a/b')).toBe('/a')
    expect(names.find('/az')).toBe('/a')
    expect(names.find('/c')).toBe('/')
    expect(names.find('*')).toBeUndefined()
  })

  test('without names finds nothing', () => {
    expect(table().find('/')).toBeUndefined()
  })

  test('agrees with trying all names, also where many begin alike', () => {
    const word = string({ unit: constantFrom('a', 'b', '/', '\xff', '\x01'), maxLength: 8 })
    assert(
      property(array(word, { maxLength: 40 }), array(word, { minLength: 1, maxLength: 10 }), (names, texts) => {
        const longest = (text: string) =>
          names.filter((name) => text.startsWith(name)).sort((a, b) => b.length - a.length)[0]
        const made = table(...names)
        for (const text of texts) expect(made.find(text)).toBe(longest(text))
      }),
    )
  })
})
