// The zone in one process's memory against the model: the same random sequences, the same results.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import { parseRate } from '../../../src/limiter/rate.ts'
import { LimitModel, WindowModel } from '../../harness/limit_model.ts'

const rates = fc.oneof(
  fc.integer({ min: 1, max: 1000 }).map((n) => `${n}r/s`),
  fc.integer({ min: 1, max: 1000 }).map((n) => `${n}r/m`),
  fc.integer({ min: 1, max: 1000 }).map((n) => `${n}r/h`),
  fc.integer({ min: 1, max: 1000 }).map((n) => `${n}r/d`),
  fc.record({ requests: fc.integer({ min: 1, max: 50 }), periodMs: fc.integer({ min: 1, max: 10 ** 9 }) }),
)
const keys = fc.constantFrom('a', 'b', 'ключ', '\u0000')
const costs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 9 }) },
)
/** Mostly small, at times a pause, at times a clock that is a little behind. */
const steps = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -5, max: 100 }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.integer({ min: 0, max: 10 ** 10 }),
)

let zones = 0

describe('a zone in memory', () => {
  test('decides on limits as the model does', () => {
    const operations = fc.record({
      step: steps,
      what: fc.constantFrom('check', 'check', 'check', 'peek', 'reset'),
      key: keys,
      cost: costs,
    })
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 0, max: 12 }),
        fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
        fc.array(operations, { maxLength: 60 }),
        (rate, burst, delay, sequence) => {
          let nowMs = 10 ** 6
          const zone = openMemoryZone(`model${++zones}`, {}, () => nowMs)
          const limit = zone.limit({ name: 'one', rate, burst, ...(delay === undefined ? {} : { delay }) })
          const { ticks, periodMs } = parseRate(rate)
          const terms = {
            ticks: BigInt(ticks),
            periodMs: BigInt(periodMs),
            burst,
            delay: delay ?? Number.POSITIVE_INFINITY,
          }
          const model = new LimitModel(terms)
          for (const { step, what, key, cost } of sequence) {
            nowMs += step
            if (what === 'reset') {
              // Whether there was something depends on what has been expired meanwhile.
              limit.reset(key)
              model.reset(key)
            } else if (what === 'peek') expect(limit.peek(key, { cost })).toEqual(model.peek(key, cost, nowMs))
            else expect(limit.check(key, { cost })).toEqual(model.check(key, cost, nowMs))
          }
          zone.unlink()
        },
      ),
      { numRuns: 300 },
    )
  })

  test('counts windows as the model does', () => {
    const operations = fc.record({
      step: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 5000 })),
      what: fc.constantFrom('hit', 'hit', 'hit', 'get', 'decrement', 'reset'),
      key: keys,
      cost: costs,
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.array(operations, { maxLength: 60 }), (windowMs, sequence) => {
        let nowMs = 10 ** 6
        const zone = openMemoryZone(`model${++zones}`, {}, () => nowMs)
        const window = zone.window({ name: 'one', windowMs })
        const model = new WindowModel(windowMs)
        for (const { step, what, key, cost } of sequence) {
          nowMs += step
          if (what === 'hit') expect(window.hit(key, { cost })).toEqual(model.hit(key, cost, nowMs))
          else if (what === 'get') expect(window.get(key)).toEqual(model.get(key, nowMs))
          else if (what === 'reset') expect(window.reset(key)).toBe(model.reset(key, nowMs))
          else expect(window.decrement(key, { cost })).toBe(model.decrement(key, cost, nowMs))
        }
        zone.unlink()
      }),
      { numRuns: 300 },
    )
  })
})
