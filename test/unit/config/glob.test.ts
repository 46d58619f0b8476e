import { describe, expect, it } from 'vitest'
import { type Directory, expandGlob, hasGlobCharacters, matchesGlob } from '../../../src/config/glob.ts'

/** A disk of files; folders exist by the files in them. */
function disk(...files: string[]): Directory {
  const entries = new Set(
    files.flatMap((file) => [...file.matchAll(/\/+|$/g)].map(({ index }) => file.slice(0, index))),
  )
  return {
    list(path) {
      const folder = path.replace(/\/+$/, '')
      const inside = [...entries].filter((name) => name.startsWith(`${folder}/`))
      const names = inside.map((name) => name.slice(folder.length + 1)).filter((name) => !name.includes('/'))
      return names.length > 0 ? names : undefined
    },
    exists: (path) => path === '/' || entries.has(path.replace(/\/+$/, '').replace(/\/+/g, '/')),
  }
}

describe('a name', () => {
  it.each([
    ['*.conf', ['a.conf', '.conf.conf'.slice(1), 'a.b.conf'], ['.a.conf', 'a.con', 'a.conf~']],
    ['*', ['a', 'a.b'], ['.a']],
    ['.*', ['.a'], ['a']],
    ['?', ['a', '\xff'], ['', 'ab', '.']],
    ['a?c', ['abc', 'a.c'], ['ac']],
    ['[ab]', ['a', 'b'], ['c', '[ab]']],
    ['[!ab]', ['c'], ['a', '.']],
    ['[^ab]', ['c', '^'], ['a']],
    ['[a-c]x', ['ax', 'cx'], ['dx', '-x']],
    ['[a-]', ['a', '-'], ['b']],
    ['[]a]', [']', 'a'], ['b']],
    ['[c-a]', [], ['a', 'b', 'c']],
    ['[[:digit:]x]', ['5', 'x'], ['y', ':']],
    ['[![:alpha:]]', ['5'], ['a']],
    ['[\\]x]', [']', 'x'], ['\\']],
    ['\\*', ['*'], ['a', '\\*']],
    ['[a', ['[a'], ['a']],
    ['a.c', ['a.c'], ['abc']],
    ['a+(b)', ['a+(b)'], ['aab']],
  ])('%s', (pattern, matching, others) => {
    expect(matching.filter((name) => !matchesGlob(pattern, name))).toEqual([])
    expect(others.filter((name) => matchesGlob(pattern, name))).toEqual([])
  })
})

describe('a path', () => {
  it('is expanded folder by folder, sorted by bytes', () => {
    const files = disk('/c/b/x.conf', '/c/a/x.conf', '/c/a/B.conf', '/c/a/.h.conf', '/c/x.conf')
    expect(expandGlob('/c/*/*.conf', files)).toEqual(['/c/a/B.conf', '/c/a/x.conf', '/c/b/x.conf'])
    expect(expandGlob('/*/x.conf', files)).toEqual(['/c/x.conf'])
  })

  it('may have names without patterns behind those with', () => {
    expect(expandGlob('/*/site/conf', disk('/a/site/conf', '/b/other'))).toEqual(['/a/site/conf'])
  })

  it('that matches nothing is nothing', () => {
    expect(expandGlob('/none/*.conf', disk('/c/x.conf'))).toEqual([])
  })

  it('keeps its slashes, escaped ones too', () => {
    expect(expandGlob('\\/c\\/*.conf', disk('/c/x.conf'))).toEqual(['/c/x.conf'])
    expect(expandGlob('/c//*.conf', disk('/c/x.conf'))).toEqual(['/c//x.conf'])
  })

  it('has patterns only by * ? and [', () => {
    expect(['a*', 'a?', '[a'].every(hasGlobCharacters)).toBe(true)
    expect(['a', 'a{b,c}', '~x', 'a]'].some(hasGlobCharacters)).toBe(false)
  })
})
