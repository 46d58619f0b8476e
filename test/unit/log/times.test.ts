import { describe, expect, test } from 'vitest'
import { errorLogTime, httpDate, timeIso8601, timeLocal } from '../../../src/log/times.ts'

const MOMENT = new Date(2026, 0, 5, 7, 8, 9)

describe('times', () => {
  test('the error log writes year, month and day with slashes', () => {
    expect(errorLogTime(MOMENT.getTime())).toBe('2026/01/05 07:08:09')
  })

  test('time_local carries the month by name and the offset from UTC', () => {
    expect(timeLocal(MOMENT.getTime())).toMatch(/^05\/Jan\/2026:07:08:09 [+-]\d{4}$/)
  })

  test('time_iso8601 carries the offset with a colon', () => {
    expect(timeIso8601(MOMENT.getTime())).toMatch(/^2026-01-05T07:08:09[+-]\d\d:\d\d$/)
  })

  test('the offset from UTC is that of the time zone', () => {
    const zone = process.env['TZ']
    try {
      process.env['TZ'] = 'America/St_Johns'
      expect(timeIso8601(Date.UTC(2026, 0, 5, 12))).toBe('2026-01-05T08:30:00-03:30')
      process.env['TZ'] = 'Asia/Kolkata'
      expect(timeLocal(Date.UTC(2026, 0, 5, 12, 0, 1))).toBe('05/Jan/2026:17:30:01 +0530')
    } finally {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    }
  })

  test('the HTTP date is always GMT', () => {
    expect(httpDate(Date.UTC(1994, 10, 6, 8, 49, 37))).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  })

  test('a text changes with the second and not within it', () => {
    const first = Date.UTC(2026, 0, 1)
    expect(httpDate(first + 999)).toBe(httpDate(first))
    expect(httpDate(first + 1000)).not.toBe(httpDate(first))
  })
})
