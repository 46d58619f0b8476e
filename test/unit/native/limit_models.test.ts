// Random histories through real zones and through the models: they agree on every decision, excess, delay and count. On a
// failure fast-check prints the seed and the shortest history that it found.

import { closeSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addon, LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../../../src/native/addon.ts'
import { acquire, type Buckets, type ConnLimitModel, decide, type ReqLimitModel, release } from './limit_models.ts'

const SIZE = 64 * 1024
const RUNS = 300
/** A test of a few seconds alone; other tests may take most of the machine. */
const LIMIT_MS = 120_000

/** Memory for a zone; mapped anew by each `open`. */
function memory<Zone>(open: (fd: number) => Zone): Zone {
  const fd = addon.createSharedMemory('model', SIZE)
  try {
    return open(fd)
  } finally {
    closeSync(fd)
  }
}

/** As limit_req_zone reads it: N requests a second or a minute, in ticks, truncated. */
const rate = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 2000 })), fc.constantFrom(1, 60))
  .map(([n, seconds]) => Math.floor((n * 1000) / seconds))
const burst = fc.integer({ min: 0, max: 6 }).map((n) => n * 1000)
const delay = fc.oneof(
  fc.constant(Number.POSITIVE_INFINITY),
  fc.integer({ min: 0, max: 6 }).map((n) => n * 1000),
)
/** Time since the request before. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 5000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5000, max: 200_000 }) },
)
/** How far the clock of whoever decides is behind: no limit forgets anything within a minute. */
const lag = fc.oneof(
  { weight: 9, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 50 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 59_999 }) },
)
/** A clock that was set, too: only where no node can have been forgotten meanwhile. */
const anyStep = fc.oneof(
  { weight: 14, arbitrary: step },
  { weight: 2, arbitrary: fc.integer({ min: -50, max: -1 }) },
  { weight: 1, arbitrary: fc.integer({ min: -200_000, max: -59_000 }) },
)
/** Few of them, so that they meet; the empty and the overlong one are skipped by the limits. */
const reqKey = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'ab', 'a\0', '\xff', 'k'.repeat(70)) },
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constant('x'.repeat(65_536)) },
)
const connKey = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'ab', 'a\0', '\xff', 'k'.repeat(255)) },
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constant('x'.repeat(256)) },
)

const ZONES = 4
/** A location's limits: different zones in some order, the same zones as those of other locations. */
const zonesOfLocation = fc.shuffledSubarray([...Array(ZONES).keys()], { minLength: 1 })
const LOCATIONS = 3

const reqLocation = zonesOfLocation.chain((zones) =>
  fc.tuple(...zones.map((zone) => fc.record({ zone: fc.constant(zone), burst, delay }))),
)
const reqHistory = fc.record({
  rates: fc.array(rate, { minLength: ZONES, maxLength: ZONES }),
  locations: fc.array(reqLocation, { minLength: LOCATIONS, maxLength: LOCATIONS }),
  requests: fc.array(
    fc.record({
      step,
      lag,
      location: fc.nat(LOCATIONS - 1),
      keys: fc.array(reqKey, { minLength: ZONES, maxLength: ZONES }),
    }),
    { minLength: 1, maxLength: 120, size: 'max' },
  ),
})

describe('limit_req as the model', () => {
  it('agrees on every decision, excess, delay and deciding limit of random histories', { timeout: LIMIT_MS }, () => {
    const seen = { passed: 0, waited: 0, refused: 0, skipped: 0, severalCharged: 0 }
    fc.assert(
      fc.property(reqHistory, ({ rates, locations, requests }) => {
        const zones = rates.map((ticks) => ({
          native: memory((fd) => addon.createLimitReqZone(fd, SIZE, 'model', '$k')),
          buckets: new Map() as Buckets,
          rate: ticks,
        }))
        const result = new Float64Array(2)
        const compiled = locations.map((limits) => {
          const of = limits.map(({ zone, burst, delay }) => ({ ...(zones[zone] as (typeof zones)[0]), burst, delay }))
          return {
            model: of satisfies ReqLimitModel[],
            check: addon.compileLimitsAt(
              of.map(({ native, rate, burst, delay }) => ({ zone: native, rate, burst, delay, dryRun: false })),
              result,
            ),
          }
        })
        let front = 10_000_000
        for (const { step, lag, location, keys: allKeys } of requests) {
          front += step
          const now = front - lag
          const { model, check } = compiled[location] as (typeof compiled)[0]
          const keys = allKeys.slice(0, model.length)
          const expected = decide(model, keys, now)
          const wait = check(now, ...keys)
          if (expected.wait === LIMIT_NOT_ACCOUNTED) expect({ wait }).toEqual(expected)
          else expect({ wait, excess: result[0], index: result[1] }).toEqual(expected)
          if (wait === LIMIT_NOT_ACCOUNTED) seen.skipped++
          else if (wait === LIMIT_REJECTED) seen.refused++
          else if (wait > 0) seen.waited++
          else seen.passed++
          if (wait >= 0 && keys.filter((key) => key.length > 0).length > 1) seen.severalCharged++
        }
        for (const { native, buckets } of zones) {
          expect(addon.checkZone(native)).toBeUndefined()
          // Neither the model nor the zone forgets a key here; what a refusal left untouched has no node.
          expect(addon.zoneStats(native).nodes).toBeLessThanOrEqual(buckets.size)
        }
      }),
      { numRuns: RUNS },
    )
    // The histories are worth something: every outcome was met often.
    for (const [outcome, count] of Object.entries(seen)) expect(count, outcome).toBeGreaterThan(RUNS / 3)
  })

  it('agrees on one hot key at every rate, over hours of requests', { timeout: LIMIT_MS }, () => {
    const history = fc.record({
      rate,
      burst,
      delay,
      steps: fc.array(anyStep, { minLength: 1, maxLength: 400, size: 'max' }),
    })
    fc.assert(
      fc.property(history, ({ rate, burst, delay, steps }) => {
        const zone = memory((fd) => addon.createLimitReqZone(fd, SIZE, 'model', '$k'))
        const model: ReqLimitModel[] = [{ buckets: new Map(), rate, burst, delay }]
        const result = new Float64Array(2)
        const check = addon.compileLimitsAt([{ zone, rate, burst, delay, dryRun: false }], result)
        let now = 10_000_000
        for (const step of steps) {
          now += step
          const expected = decide(model, ['key'], now)
          expect({ wait: check(now, 'key'), excess: result[0], index: result[1] }).toEqual(expected)
        }
      }),
      { numRuns: RUNS },
    )
  })
})

const connHistory = fc.record({
  locations: fc.array(
    zonesOfLocation.chain((zones) =>
      fc.tuple(
        ...zones.map((zone) => fc.record({ zone: fc.constant(zone), connections: fc.integer({ min: 1, max: 4 }) })),
      ),
    ),
    { minLength: LOCATIONS, maxLength: LOCATIONS },
  ),
  steps: fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          location: fc.nat(LOCATIONS - 1),
          keys: fc.array(connKey, { minLength: ZONES, maxLength: ZONES }),
        }),
      },
      // Which of the held ones ends, modulo their number.
      { weight: 2, arbitrary: fc.record({ release: fc.nat(1000) }) },
    ),
    { minLength: 1, maxLength: 150, size: 'max' },
  ),
})

describe('limit_conn as the model', () => {
  it('agrees on every decision and every count of random histories', { timeout: LIMIT_MS }, () => {
    const seen = { held: 0, refused: 0, skipped: 0, released: 0 }
    fc.assert(
      fc.property(connHistory, ({ locations, steps }) => {
        const zones = Array.from({ length: ZONES }, () => ({
          native: memory((fd) => addon.createLimitConnZone(fd, SIZE, 'model', '$k')),
          counts: new Map<string, number>(),
        }))
        const result = new Int32Array(1)
        const compiled = locations.map((limits) => {
          const of = limits.map(({ zone, connections }) => ({ ...(zones[zone] as (typeof zones)[0]), connections }))
          return {
            model: of satisfies ConnLimitModel[],
            check: addon.compileConnLimits(
              of.map(({ native, connections }) => ({ zone: native, connections, dryRun: false })),
              result,
            ),
          }
        })
        const open: { handle: number; held: { counts: Map<string, number>; key: string }[] }[] = []
        for (const step of steps) {
          if ('release' in step) {
            const [ended] = open.splice(step.release % Math.max(1, open.length), 1)
            if (ended === undefined) continue
            addon.releaseConnections(ended.handle)
            release(ended.held)
            seen.released++
          } else {
            const { model, check } = compiled[step.location] as (typeof compiled)[0]
            const keys = step.keys.slice(0, model.length)
            const { held, index } = acquire(model, keys)
            const handle = check(...keys)
            if (typeof held === 'number') {
              expect({ handle, index: handle === LIMIT_REJECTED ? result[0] : undefined }).toEqual({
                handle: held,
                index,
              })
              if (held === LIMIT_REJECTED) seen.refused++
              else seen.skipped++
            } else {
              expect(handle).toBeGreaterThan(0)
              open.push({ handle, held: [...held] })
              seen.held++
            }
          }
          for (const { native, counts } of zones) {
            let sum = 0
            for (const count of counts.values()) sum += count
            expect(addon.connZoneStats(native).connections).toBe(sum)
          }
        }
        for (const { native, counts } of zones) {
          expect(addon.checkConnZone(native)).toBeUndefined()
          // A node exists exactly while its key is counted.
          expect(addon.connZoneStats(native).nodes).toBe([...counts.values()].filter((count) => count > 0).length)
        }
        for (const { handle } of open) addon.releaseConnections(handle)
        for (const { native } of zones) expect(addon.connZoneStats(native)).toMatchObject({ connections: 0, nodes: 0 })
      }),
      { numRuns: RUNS },
    )
    for (const [outcome, count] of Object.entries(seen)) expect(count, outcome).toBeGreaterThan(RUNS / 3)
  })
})
