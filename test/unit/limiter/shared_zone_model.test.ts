// The zone in shared memory against the model, and so against the zone in one process's memory, which is held to the same.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { parseRate } from '../../../src/limiter/rate.ts'
import { openSharedZone } from '../../../src/limiter/shared_zone.ts'
import { addon } from '../../../src/native/addon.ts'
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
const steps = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.integer({ min: 0, max: 10 ** 10 }),
)

const dir = mkdtempSync(join(tmpdir(), 'sluice-model-'))
afterAll(() => rmSync(dir, { recursive: true }))
const clock = new Float64Array([10 ** 6])
const zone = openSharedZone(addon, 'model', { dir }, clock)
let sequences = 0

describe('a zone in shared memory', () => {
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
          const name = `limit${++sequences}`
          const limit = zone.limit({ name, rate, burst, ...(delay === undefined ? {} : { delay }) })
          const { ticks, periodMs } = parseRate(rate)
          const model = new LimitModel({
            ticks: BigInt(ticks),
            periodMs: BigInt(periodMs),
            burst,
            delay: delay ?? Number.POSITIVE_INFINITY,
          })
          for (const { step, what, key, cost } of sequence) {
            clock[0] = (clock[0] ?? 0) + step
            const nowMs = clock[0]
            if (what === 'reset') {
              limit.reset(key)
              model.reset(key)
            } else if (what === 'peek') expect(limit.peek(key, { cost })).toEqual(model.peek(key, cost, nowMs))
            else expect(limit.check(key, { cost })).toEqual(model.check(key, cost, nowMs))
          }
        },
      ),
      { numRuns: 200 },
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
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.array(operations, { maxLength: 60 }),
        (windowMs, sequence) => {
          const window = zone.window({ name: `window${++sequences}`, windowMs })
          const model = new WindowModel(windowMs)
          for (const { step, what, key, cost } of sequence) {
            clock[0] = (clock[0] ?? 0) + step
            const nowMs = clock[0]
            if (what === 'hit') expect(window.hit(key, { cost })).toEqual(model.hit(key, cost, nowMs))
            else if (what === 'get') expect(window.get(key)).toEqual(model.get(key, nowMs))
            else if (what === 'reset') expect(window.reset(key)).toBe(model.reset(key, nowMs))
            else {
              window.decrement(key, { cost })
              model.decrement(key, cost, nowMs)
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
