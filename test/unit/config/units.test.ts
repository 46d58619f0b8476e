import { describe, expect, it } from 'vitest'
import { parseInteger, parseOffset, parseSize, parseTimeMs, parseTimeSec } from '../../../src/config/units.ts'

const DAY = 24 * 60 * 60

describe('integers', () => {
  it.each([
    ['0', 0],
    ['007', 7],
    ['512', 512],
    ['9223372036854775807', 2 ** 63],
  ])('%j is %d', (text, value) => {
    expect(parseInteger(text)).toBe(value)
  })
  it.each(['', '-1', '+1', '1.5', ' 1', '1 ', '0x1', 'a', '9223372036854775808'])('%j is refused', (text) => {
    expect(parseInteger(text)).toBeUndefined()
  })
})

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['10', 10],
    ['1k', 1024],
    ['1K', 1024],
    ['2m', 2 << 20],
    ['2M', 2 << 20],
  ])('%j is %d', (text, value) => {
    expect(parseSize(text)).toBe(value)
    expect(parseOffset(text)).toBe(value)
  })
  it.each(['', 'k', '1kk', '1b', '-1k', '1 k', '9223372036854775808', '9007199254740992k'])('%j is refused', (text) => {
    expect(parseSize(text)).toBeUndefined()
    expect(parseOffset(text)).toBeUndefined()
  })
  it('know gigabytes in offsets only', () => {
    expect(parseOffset('3g')).toBe(3 * 2 ** 30)
    expect(parseOffset('3G')).toBe(3 * 2 ** 30)
    expect(parseSize('3g')).toBeUndefined()
  })
  it('overflow exactly at 63 bits', () => {
    expect(parseSize('9007199254740991k')).toBe(9007199254740991 * 1024)
    expect(parseOffset('8589934591g')).toBe(8589934591 * 2 ** 30)
    expect(parseOffset('8589934592g')).toBeUndefined()
  })
})

describe('times', () => {
  it.each([
    ['0', 0],
    ['90', 90],
    ['90s', 90],
    ['1m30', 90],
    ['1m30s', 90],
    ['1h 30m', 5400],
    ['1h  30m ', 5400],
    ['2d', 2 * DAY],
    ['1w1d1h1m1s', 8 * DAY + 3661],
    ['30 ', 30],
    ['1 30', 31],
    ['1s2', 3],
    [' 5', 5],
    ['1h m', 3600],
  ])('%j is %d seconds in both precisions', (text, seconds) => {
    expect(parseTimeSec(text)).toBe(seconds)
    expect(parseTimeMs(text)).toBe(seconds * 1000)
  })
  it.each([
    '',
    ' ',
    's',
    '1x',
    '-1',
    '1.5s',
    '1m1m',
    '1s1m',
    '1m1h',
    '1 30m',
    '1s2 ',
    '1H',
    '1\t',
    '99999999999999999999',
  ])('%j is refused in both precisions', (text) => {
    expect(parseTimeSec(text)).toBeUndefined()
    expect(parseTimeMs(text)).toBeUndefined()
  })
  it('have milliseconds only where they are kept in milliseconds', () => {
    expect(parseTimeMs('500ms')).toBe(500)
    expect(parseTimeMs('1s500ms')).toBe(1500)
    expect(parseTimeMs('1ms1')).toBe(1001)
    expect(parseTimeMs('1ms1s')).toBeUndefined()
    expect(parseTimeMs('1 500ms')).toBeUndefined()
    expect(parseTimeSec('500ms')).toBeUndefined()
  })
  it('have months and years only where they are kept in seconds', () => {
    expect(parseTimeSec('1y2M')).toBe(425 * DAY)
    expect(parseTimeSec('1M1y')).toBeUndefined()
    expect(parseTimeMs('1y')).toBeUndefined()
    expect(parseTimeMs('1M')).toBeUndefined()
  })
  it('overflow exactly at 63 bits', () => {
    expect(parseTimeMs('9223372036854775807ms')).toBe(2 ** 63)
    expect(parseTimeMs('9223372036854775808ms')).toBeUndefined()
    expect(parseTimeMs('9223372036854775s807ms')).toBe(2 ** 63)
    expect(parseTimeMs('9223372036854775s808ms')).toBeUndefined()
    expect(parseTimeMs('9223372036854776')).toBeUndefined()
    expect(parseTimeSec('292471208677y')).toBeDefined()
    expect(parseTimeSec('292471208678y')).toBeUndefined()
  })
})
