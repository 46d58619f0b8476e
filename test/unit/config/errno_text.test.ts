import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { asSystemError, errnoText, systemErrorOf } from '../../../src/config/errno_text.ts'

it.each([
  ['ENOENT', '2: No such file or directory'],
  ['EACCES', '13: Permission denied'],
  ['EISDIR', '21: Is a directory'],
  ['EMFILE', '24: Too many open files'],
  ['EADDRINUSE', '98: Address already in use'],
] as const)('%s is in the words of the C library', (code, text) => {
  expect(errnoText(systemErrorOf(code))).toBe(text)
})

it('the sign of the number does not matter', () => {
  expect(errnoText({ errno: -2, code: 'ENOENT' })).toBe('2: No such file or directory')
})

it('errors outside the table fall back to what Node says, and to the number', () => {
  expect(errnoText({ errno: -74, code: 'EOTHER' })).toMatch(/^74: /)
  expect(errnoText({ errno: 9999, code: 'EOTHER' })).toBe('9999: Unknown error 9999')
})

it('what Node throws is narrowed to number and name', () => {
  let thrown: unknown
  try {
    readFileSync('/nonexistent/file')
  } catch (error) {
    thrown = error
  }
  expect(asSystemError(thrown)).toEqual({ errno: -2, code: 'ENOENT' })
  expect(asSystemError(new TypeError('x'))).toBeUndefined()
  expect(asSystemError('x')).toBeUndefined()
})
