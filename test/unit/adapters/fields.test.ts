import { describe, expect, test } from 'vitest'
import { type FieldsForm, fieldsWriter } from '../../../src/adapters/fields.ts'
import { parseRate } from '../../../src/limiter/rate.ts'
import type { CheckResult } from '../../../src/limiter/types.ts'

const passed: CheckResult = { allowed: true, delayMs: 0, remaining: 57, retryAfterMs: 0, excess: 42 }
const refused: CheckResult = { allowed: false, delayMs: 0, remaining: 0, retryAfterMs: 900, excess: 100.2 }

function written(form: FieldsForm, result: CheckResult, name = 'api', before: string[] = []): string[] {
  const lines = [...before]
  const set = (to: string[], field: string, value: string) => void to.push(`${field}: ${value}`)
  fieldsWriter(form, { name, burst: 99 }, { set, append: set })(lines, result, parseRate('10r/s'), 1)
  return lines
}

describe('fields', () => {
  test('of the current draft tell quota and window, what is left and until when', () => {
    expect(written('draft-10', passed)).toEqual(['RateLimit-Policy: "api";q=100;w=10', 'RateLimit: "api";r=57;t=5'])
    expect(written('draft-10', refused)[1]).toBe('RateLimit: "api";r=0;t=1')
  })

  test('tell, when nothing is left, until when something is, and never more than Retry-After', () => {
    const last: CheckResult = { allowed: true, delayMs: 0, remaining: 0, retryAfterMs: 0, excess: 98.5 }
    expect(written('draft-10', last)[1]).toBe('RateLimit: "api";r=0;t=1')
    expect(written('draft-7', { ...refused, retryAfterMs: 3400 })[1]).toBe('RateLimit: limit=100, remaining=0, reset=4')
    // Where waiting does not help there is no Retry-After.
    const tooMuch: CheckResult = { ...refused, remaining: 57, retryAfterMs: Number.POSITIVE_INFINITY, excess: 43 }
    expect(written('draft-10', tooMuch)[1]).toBe('RateLimit: "api";r=57;t=5')
  })

  test('of the seventh draft are one list each', () => {
    expect(written('draft-7', passed)).toEqual([
      'RateLimit-Policy: 100;w=10',
      'RateLimit: limit=100, remaining=57, reset=5',
    ])
  })

  test('of the sixth draft are four', () => {
    expect(written('draft-6', passed)).toEqual([
      'RateLimit-Policy: 100;w=10',
      'RateLimit-Limit: 100',
      'RateLimit-Remaining: 57',
      'RateLimit-Reset: 5',
    ])
  })

  test('of old begin with X', () => {
    const [limit, remaining, reset] = written('legacy', passed)
    expect([limit, remaining]).toEqual(['X-RateLimit-Limit: 100', 'X-RateLimit-Remaining: 57'])
    const sec = Number(/^X-RateLimit-Reset: (\d+)$/.exec(reset ?? '')?.[1])
    expect(Math.abs(sec - (Date.now() / 1000 + 5))).toBeLessThan(2)
  })

  test('quote a name', () => {
    expect(written('draft-10', passed, 'a"b\\c\u00e9')[0]).toBe('RateLimit-Policy: "a\\"b\\\\c?";q=100;w=10')
  })

  test('follow a rate that changes', () => {
    const lines: string[] = []
    const set = (to: string[], field: string, value: string) => void to.push(`${field}: ${value}`)
    const write = fieldsWriter('draft-10', { name: 'api', burst: 99 }, { set, append: set })
    for (const rate of ['10r/s', '100r/s', '60r/m']) write(lines, passed, parseRate(rate), 1)
    expect(lines.filter((line) => line.includes('q='))).toEqual([
      'RateLimit-Policy: "api";q=100;w=10',
      'RateLimit-Policy: "api";q=100;w=1',
      'RateLimit-Policy: "api";q=100;w=100',
    ])
  })

  test('of an unknown form are an error', () => {
    expect(() => written('draft-9' as FieldsForm, passed)).toThrow('unknown form of fields "draft-9"')
  })
})
