import { expect, it } from 'vitest'
import { systemErrorOf } from '../../../src/config/errno_text.ts'
import { ConfigError, formatMessage } from '../../../src/config/error.ts'

const ENOENT = systemErrorOf('ENOENT')

it('a configuration error is a syntax error with file and line', () => {
  const error = new ConfigError('bad', { file: '/f', line: 3 })
  expect(error).toBeInstanceOf(SyntaxError)
  expect(error).toMatchObject({ name: 'ConfigError', message: 'bad in /f:3', file: '/f', line: 3 })
})

it('an error in -g text says so, and has no line', () => {
  expect(new ConfigError('bad', { file: undefined, line: 1 })).toMatchObject({
    message: 'bad in command line',
    file: undefined,
    line: undefined,
  })
})

it('an error found after reading has no place', () => {
  expect(new ConfigError('bad').message).toBe('bad')
  expect(new ConfigError('bad', undefined, ENOENT).message).toBe('bad (2: No such file or directory)')
})

it('the system error stands before the place', () => {
  expect(formatMessage('open() "x" failed', { file: '/f', line: 1 }, ENOENT)).toBe(
    'open() "x" failed (2: No such file or directory) in /f:1',
  )
})

it('a message is cut to 1024 bytes, its place is not', () => {
  expect(formatMessage('x'.repeat(2000), { file: '/f', line: 1 })).toBe(`${'x'.repeat(1024)} in /f:1`)
})

it('a long message leaves room for the system error', () => {
  const text = formatMessage('x'.repeat(2000), undefined, ENOENT)
  expect(text).toBe(`${'x'.repeat(974)}... (2: No such file or directory)`)
  expect(text.length).toBeLessThanOrEqual(1024)
})
