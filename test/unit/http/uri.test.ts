import { describe, expect, it } from 'vitest'
import { escapeUri, extensionOf, isUnsafeUri, normalizeUri } from '../../../src/http/uri.ts'

describe('normalizeUri', () => {
  it.each([
    ['/', '/', ''],
    ['/a/b?x=1', '/a/b', 'x=1'],
    ['/a//b', '/a/b', ''],
    ['/a/./b', '/a/b', ''],
    ['/a/../b', '/b', ''],
    ['/a/b/..', '/a/', ''],
    ['/a/b/.', '/a/b/', ''],
    ['/a//', '/a/', ''],
    ['//', '/', ''],
    ['/%61%2fb', '/a/b', ''],
    ['/a%2e%2e/b', '/a../b', ''],
    ['/a/%2e%2e/b', '/b', ''],
    ['/a%3fb?c', '/a?b', 'c'],
    ['/a%23b', '/a#b', ''],
    ['/a#b?c', '/a', ''],
    ['/a?b#c', '/a', 'b'],
    ['/a+b', '/a+b', ''],
    ['?x', '/', 'x'],
    ['/x?a=%20//', '/x', 'a=%20//'],
  ])('turns %s into %s', (target, uri, args) => {
    expect(normalizeUri(target, true)).toMatchObject({ uri, args })
  })

  it('keeps repeated slashes when merge_slashes is off', () => {
    expect(normalizeUri('/a//b/../c', false)?.uri).toBe('/a//c')
  })

  it.each(['/..', '/a/../../b', '/%00', '/%', '/%4', '/%gg', '/%2e%2e'])('refuses %s', (target) => {
    expect(normalizeUri(target, true)).toBeUndefined()
  })

  it('tells whether the path was quoted, the arguments aside', () => {
    expect(normalizeUri('/a%20b', true)?.quoted).toBe(true)
    expect(normalizeUri('/a?b=%20', true)?.quoted).toBe(false)
  })
})

it('escapeUri() quotes what may not stand in a request line, in upper case', () => {
  expect(escapeUri('/a b?"#%\x7f\xe9|')).toBe('/a%20b%3F%22%23%25%7F%E9%7C')
})

it('extensionOf() looks at the last segment only', () => {
  expect(extensionOf('/a.b/c')).toBe('')
  expect(extensionOf('/a.b/c.tar.gz')).toBe('gz')
})

it('isUnsafeUri() finds climbing and NUL', () => {
  expect(['', '/a/../b', '..', '/a\0'].every(isUnsafeUri)).toBe(true)
  expect(['/a..b', '/...'].some(isUnsafeUri)).toBe(false)
})
