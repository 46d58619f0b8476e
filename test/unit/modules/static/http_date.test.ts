import { describe, expect, it } from 'vitest'
import { parseHttpDate } from '../../../../src/modules/static/http_date.ts'

describe('parseHttpDate', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784111777],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784111777],
    ['Sun Nov  6 08:49:37 1994', 784111777],
    ['Thu, 01-Jan-70 00:00:00 GMT', 0],
    ['Tuesday, 01-Jan-69 00:00:00 GMT', 3124224000],
    ['Thu, 29 Feb 2024 00:00:00 GMT', 1709164800],
  ])('reads %s', (text, seconds) => {
    expect(parseHttpDate(text)).toBe(seconds)
  })

  it.each([
    '',
    'yesterday',
    'Sun, 06 Nov 1994',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nox 1994 08:49:37 GMT',
    'Thu, 30 Feb 2023 00:00:00 GMT',
    'Thu, 00 Jan 2023 00:00:00 GMT',
    '1994-11-06T08:49:37Z',
  ])('refuses %s', (text) => {
    expect(parseHttpDate(text)).toBeUndefined()
  })
})
