// Zones against the model, and against each other: the same random histories, the same results. The model knows one limit
// and one process; beside each other the two zones are tried with several, and with clocks that are behind.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import { parseRate } from '../../../src/limiter/rate.ts'
import { openSharedZone } from '../../../src/limiter/shared_zone.ts'
import type { Key, Limit, WindowLimit } from '../../../src/limiter/types.ts'
import { addon } from '../../../src/native/addon.ts'
import { LimitModel, WindowModel } from '../../harness/limit_model.ts'

const unitRate = (unit: string) => fc.integer({ min: 1, max: 1000 }).map((n) => `${n}r/${unit}`)
const rates = fc.oneof(
  ...['s', 'm', 'h', 'd'].map(unitRate),
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
const bursts = fc.integer({ min: 0, max: 12 })
const delays = fc.option(bursts, { nil: undefined })
const restarts = fc.option(fc.record({ above: fc.integer({ min: 0, max: 12 }), doubles: fc.boolean() }), {
  nil: undefined,
  freq: 2,
})

const dir = mkdtempSync(join(tmpdir(), 'sluice-model-'))
afterAll(() => rmSync(dir, { recursive: true }))
const clock = new Float64Array([10 ** 6])
const nowMs = (): number => clock[0] ?? 0
const pass = (ms: number): number => (clock[0] = nowMs() + ms)
const memory = openMemoryZone('model', { dir, size: '8m' }, nowMs)
const shared = openSharedZone(addon, 'model', { dir, size: '8m' }, clock)
/** Every history has limits of its own. */
let histories = 0

describe.each([
  ['one process’s memory', memory],
  ['shared memory', shared],
])('a zone in %s', (_, zone) => {
  test('decides on limits as the model does', () => {
    const operations = fc.record({
      step: steps,
      what: fc.constantFrom('check', 'check', 'check', 'peek', 'reset'),
      key: keys,
      cost: costs,
    })
    const history = fc.array(operations, { maxLength: 60 })
    fc.assert(
      fc.property(rates, bursts, delays, history, (rate, burst, delay, sequence) => {
        const name = `limit${++histories}`
        const limit = zone.limit({ name, rate, burst, ...(delay === undefined ? {} : { delay }) })
        const { ticks, periodMs } = parseRate(rate)
        const model = new LimitModel({
          ticks: BigInt(ticks),
          periodMs: BigInt(periodMs),
          burst,
          delay: delay ?? Number.POSITIVE_INFINITY,
        })
        for (const { step, what, key, cost } of sequence) {
          const now = pass(step)
          if (what === 'reset') {
            limit.reset(key)
            model.reset(key)
          } else if (what === 'peek') expect(limit.peek(key, { cost })).toEqual(model.peek(key, cost, now))
          else expect(limit.check(key, { cost })).toEqual(model.check(key, cost, now))
        }
      }),
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
    const history = fc.array(operations, { maxLength: 60 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), restarts, history, (windowMs, restart, sequence) => {
        const window = zone.window({ name: `window${++histories}`, windowMs })
        const model = new WindowModel(windowMs, restart)
        const more = restart === undefined ? {} : { restart }
        for (const { step, what, key, cost } of sequence) {
          const now = pass(step)
          if (what === 'hit') expect(window.hit(key, { cost, ...more })).toEqual(model.hit(key, cost, now))
          else if (what === 'get') expect(window.get(key)).toEqual(model.get(key, now))
          else if (what === 'reset') expect(window.reset(key)).toBe(model.reset(key, now))
          else {
            window.decrement(key, { cost })
            model.decrement(key, cost, now)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a zone in one process’s memory and one in shared memory', () => {
  const key = fc.oneof(
    { weight: 9, arbitrary: keys },
    { weight: 1, arbitrary: fc.constantFrom('', 'x'.repeat(65_530), 'x'.repeat(70_000)) },
  )
  const which = fc.nat({ max: 2 })
  const operation = fc.record({
    step: steps,
    /** How far behind the latest time the clock of the process is that asks. */
    lag: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 59_999 }) }),
    what: fc.constantFrom('check', 'check', 'check', 'checkAll', 'checkAll', 'peek', 'reset', 'hit', 'hit', 'rest'),
    rest: fc.constantFrom('get', 'decrement', 'window.reset', 'resetAll', 'other kind', 'nothing'),
    together: fc.array(fc.tuple(which, key), { minLength: 1, maxLength: 5 }),
    cost: costs,
    restart: restarts,
    windowMs: fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined, freq: 1 }),
  })
  const limits = fc.array(fc.record({ burst: bursts, delay: delays, rate: rates }), { minLength: 3, maxLength: 3 })
  const lengths = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 3, maxLength: 3 })

  test('agree at the ends of all numbers', () => {
    const most = Math.floor(2 ** 53 / 1000)
    const history = `history${++histories}`
    const [one, other] = [memory, shared].map((zone) => {
      const limits = [
        { rate: { requests: 0.001, periodMs: 2 ** 43 - 1 }, burst: most },
        { rate: { requests: 0.001, periodMs: 2 ** 43 - 1 }, burst: most, delay: 0 },
        { rate: most, burst: most },
        { rate: '1r/d', burst: 0 },
      ].map((options, i) => zone.limit({ name: `${history} ${i}`, ...options }))
      const results = limits.map((limit) => [most, most, 1, 0].map((cost) => limit.check('k', { cost })))
      const tops = [0, 1.5, Number.POSITIVE_INFINITY, -1, Number.NaN].map((n) => resultOf(() => limits[0]?.top(n)))
      return { results, tops }
    })
    expect(one).toEqual(other)
    expect(one?.results[0]?.[1]).toMatchObject({ allowed: false, retryAfterMs: 2 ** 62 })
    expect(one?.tops.slice(3)).toEqual([-1, Number.NaN].map((n) => `TypeError: n is a number from 0, not ${n}`))
  })

  test('give the same results and the same errors', () => {
    fc.assert(
      fc.property(limits, lengths, fc.array(operation, { maxLength: 50 }), (specs, windowsMs, sequence) => {
        const history = `history${++histories}`
        const sides = [memory, shared].map((zone) => ({
          zone,
          limits: specs.map((spec, i): Limit => {
            const { delay, burst } = spec
            const name = `${history} ключ ${i}`
            // Of the first limit a rate by key.
            const rateOf = (key: Key) => specs[key.length % 3]?.rate ?? '1r/s'
            const own = { name, burst, rate: i === 0 ? rateOf : spec.rate }
            return zone.limit({ ...own, ...(delay === undefined ? {} : { delay }) })
          }),
          windows: windowsMs.map((windowMs, i): WindowLimit => {
            // Two of the same name, with lengths of their own.
            return zone.window({ name: `${history} window ${i % 2}`, windowMs })
          }),
        }))
        let latest = nowMs()
        for (const { step, lag, what, rest, together, cost, restart, windowMs } of sequence) {
          latest += step
          clock[0] = latest - lag
          const [[i, key] = [0, '']] = together
          const results = sides.map(({ zone, limits, windows }) => {
            const limit = limits[i] as Limit
            const window = windows[i] as WindowLimit
            const operations: Record<string, () => unknown> = {
              check: () => limit.check(key, { cost }),
              checkAll: () => zone.checkAll(together.map(([at, other]) => [limits[at] as Limit, other] as const)),
              peek: () => limit.peek(key, { cost }),
              reset: () => limit.reset(key),
              hit: () => {
                const more = {
                  ...(restart === undefined ? {} : { restart }),
                  ...(windowMs === undefined ? {} : { windowMs }),
                }
                return window.hit(key, { cost, ...more })
              },
              get: () => window.get(key),
              decrement: () => window.decrement(key, { cost }),
              'window.reset': () => window.reset(key),
              resetAll: () => window.resetAll(),
              'other kind': () => zone.window({ name: limit.name, windowMs: 1 }),
              nothing: () => undefined,
            }
            const { passed, delayed, rejected } = zone.stats()
            const result = resultOf(operations[what === 'rest' ? rest : what])
            const after = zone.stats()
            return {
              result,
              counted: [after.passed - passed, after.delayed - delayed, after.rejected - rejected],
            }
          })
          expect(results[0]).toEqual(results[1])
        }
        clock[0] = latest
      }),
      { numRuns: 300 },
    )
  })
})

function resultOf(operation: (() => unknown) | undefined): unknown {
  try {
    return operation?.()
  } catch (error) {
    return String(error)
  }
}
