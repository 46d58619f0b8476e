import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  addon,
  LIMIT_NOT_ACCOUNTED,
  LIMIT_REJECTED,
  type LimitReqZone,
  type LimitSpec,
} from '../../../src/native/addon.ts'
import { child } from './child.ts'

const SIZE = 64 * 1024

function newZone(name = 'one'): LimitReqZone {
  const fd = addon.createSharedMemory(name, SIZE)
  const zone = addon.createLimitReqZone(fd, SIZE, name, '$binary_remote_addr')
  closeSync(fd)
  return zone
}

/** One request a second, nothing more, unless said otherwise. */
function limit(zone: LimitReqZone, more: Partial<LimitSpec> = {}): LimitSpec {
  return { zone, rate: 1000, burst: 0, delay: 0, dryRun: false, ...more }
}

describe('compiled limits', () => {
  // Arrival in ms, then what the call returns and the excess it tells (spec/limit-req.md §6.2).
  it.each([
    {
      rate: 1000,
      burst: 0,
      delay: 0,
      arrivals: [
        [0, 0, 0],
        [999, LIMIT_REJECTED, 1],
        [1000, 0, 0],
      ],
    },
    {
      rate: 1000,
      burst: 2000,
      delay: 0,
      arrivals: [
        [0, 0, 0],
        [0, 1000, 1000],
        [0, 2000, 2000],
        [0, LIMIT_REJECTED, 3000],
        [500, LIMIT_REJECTED, 2500],
        [1000, 2000, 2000],
      ],
    },
    {
      rate: 500,
      burst: 2000,
      delay: 1000,
      arrivals: [
        [0, 0, 0],
        [0, 0, 1000],
        [0, 2000, 2000],
        [0, LIMIT_REJECTED, 3000],
      ],
    },
    {
      rate: 2000,
      burst: 1000,
      delay: Number.POSITIVE_INFINITY,
      arrivals: [
        [0, 0, 0],
        [0, 0, 1000],
        [0, LIMIT_REJECTED, 2000],
        [500, 0, 1000],
      ],
    },
  ])('decide as nginx at rate $rate, burst $burst, delay $delay', ({ rate, burst, delay, arrivals }) => {
    const result = new Float64Array(2)
    const check = addon.compileLimitsAt([limit(newZone(), { rate, burst, delay })], result)
    const start = 1_000_000
    const decided = arrivals.map(([at]) => [at, check(start + (at ?? 0), 'key'), result[0]])
    expect(decided).toEqual(arrivals)
  })

  it('take the machine’s clock', () => {
    const check = addon.compileLimits([limit(newZone(), { rate: 100_000 })], new Float64Array(2))
    expect(check('key')).toBe(0)
    expect(check('key')).toBe(LIMIT_REJECTED)
    const start = addon.monotonicMs()
    while (addon.monotonicMs() < start + 12);
    expect(check('key')).toBe(0)
  })

  it('keep keys apart, byte by byte', () => {
    const check = addon.compileLimits([limit(newZone())], new Float64Array(2))
    for (const key of ['a', 'b', 'ab', '\xff', '\x7f', '\0', '\0\0', 'a\0']) {
      expect(check(key), JSON.stringify(key)).toBe(0)
      expect(check(key), JSON.stringify(key)).toBe(LIMIT_REJECTED)
    }
  })

  it('return waits of any length', () => {
    const result = new Float64Array(2)
    const check = addon.compileLimitsAt([limit(newZone(), { rate: 1, burst: 1e10 })], result)
    let wait = 0
    for (let i = 0; i < 2201; i++) wait = check(5000, 'key')
    expect(wait).toBe(2_200_000_000)
    expect(result[0]).toBe(2_200_000)
  })

  it('read keys up to 65535 bytes, whatever their length, and skip longer ones', () => {
    const result = new Float64Array(2)
    const memory = addon.createSharedMemory('big', 64 * SIZE)
    const zone = addon.createLimitReqZone(memory, 64 * SIZE, 'big', '$uri')
    closeSync(memory)
    const check = addon.compileLimits([limit(zone)], result)
    for (const length of [1, 255, 2045, 2046, 2047, 2048, 2049, 4096, 65534, 65535]) {
      const key = 'k'.repeat(length)
      expect([length, check(key)]).toEqual([length, 0])
      expect([length, check(key)]).toEqual([length, LIMIT_REJECTED])
      // The last byte counts.
      expect([length, check(`${key.slice(1)}l`)]).toEqual([length, 0])
    }
    expect(check('k'.repeat(65536))).toBe(LIMIT_NOT_ACCOUNTED)
    expect(check('k'.repeat(200_000))).toBe(LIMIT_NOT_ACCOUNTED)
    expect(addon.checkZone(zone)).toBeUndefined()
  })

  it('skip empty keys', () => {
    const check = addon.compileLimits([limit(newZone('a')), limit(newZone('b'))], new Float64Array(2))
    expect(check('', '')).toBe(LIMIT_NOT_ACCOUNTED)
    expect(check('', 'x')).toBe(0)
    expect(check('', 'x')).toBe(LIMIT_REJECTED)
    expect(check('x', '')).toBe(0)
  })

  it('charge all zones or none, and tell which limit decided', () => {
    const result = new Float64Array(2)
    const [wide, narrow] = [newZone('wide'), newZone('narrow')]
    const both = addon.compileLimitsAt([limit(wide, { burst: 1000 }), limit(narrow)], result)
    const wideAlone = addon.compileLimitsAt([limit(wide, { burst: 1000 })], result)
    expect(both(1000, 'x', 'x')).toBe(0)
    expect(both(1000, 'x', 'x')).toBe(LIMIT_REJECTED)
    expect([...result]).toEqual([1000, 1])
    // The refused request was charged nowhere: the burst of the wide one is left.
    expect(wideAlone(1000, 'x')).toBe(1000)
    expect([...result]).toEqual([1000, 0])
    expect(wideAlone(1000, 'x')).toBe(LIMIT_REJECTED)
  })

  it('take sixteen limits, with long and short keys mixed', () => {
    const zones = Array.from({ length: 16 }, (_, index) => newZone(`zone ${index}`))
    const check = addon.compileLimits(
      zones.map((zone) => limit(zone)),
      new Float64Array(2),
    )
    const keys = zones.map((_, index) => 'x'.repeat(1 + index * 100))
    expect(check(...keys)).toBe(0)
    expect(check(...keys)).toBe(LIMIT_REJECTED)
    for (const zone of zones) expect(addon.zoneStats(zone).nodes).toBe(1)
  })

  it('refuse keys that are no strings, and too few of them', () => {
    const check = addon.compileLimits([limit(newZone('a')), limit(newZone('b'))], new Float64Array(2)) as (
      ...keys: unknown[]
    ) => number
    for (const wrong of [undefined, null, 1, {}, Buffer.from('x'), Symbol('x')]) {
      expect(() => check('x', wrong)).toThrow(TypeError)
      // Also where the other key does not fit on the stack.
      expect(() => check('x'.repeat(5000), wrong)).toThrow(TypeError)
    }
    expect(() => check('x')).toThrow(TypeError)
    const at = addon.compileLimitsAt([limit(newZone())], new Float64Array(2)) as (...args: unknown[]) => number
    expect(() => at('now', 'x')).toThrow('"nowMs" must be a number')
  })

  it('refuse specifications that are wrong', () => {
    const zone = newZone()
    const compile = (limits: unknown, result: unknown = new Float64Array(2)): unknown =>
      addon.compileLimits(limits as LimitSpec[], result as Float64Array)
    expect(() => compile([])).toThrow('"limits" must be an array of 1 to 16 limits')
    expect(() => compile(Array.from({ length: 17 }, (_, i) => limit(newZone(`${i}`))))).toThrow('1 to 16 limits')
    expect(() => compile([limit(zone), limit(zone)])).toThrow('"limits[i].zone" must be another zone each')
    expect(() => compile([null])).toThrow('"limits[i]" must be an object')
    expect(() => compile([{ ...limit(zone), zone: {} }])).toThrow('"limits[i].zone" must be a limit_req zone')
    expect(() => compile([{ ...limit(zone), zone: Object.create(zone) as unknown }])).toThrow(TypeError)
    for (const [property, wrong] of [
      ['rate', 0],
      ['rate', 1.5],
      ['rate', Number.POSITIVE_INFINITY],
      ['burst', -1],
      ['burst', '1'],
      ['delay', Number.NaN],
      ['delay', Number.NEGATIVE_INFINITY],
      ['delay', 2 ** 54],
      ['dryRun', 1],
    ] as const) {
      expect(() => compile([{ ...limit(zone), [property]: wrong }]), `${property} ${wrong}`).toThrow(
        `"limits[i].${property}"`,
      )
    }
    expect(() => compile([limit(zone)], new Float64Array(1))).toThrow('"result" must be a Float64Array of at least 2')
    expect(() => compile([limit(zone)], new Float32Array(2))).toThrow('"result"')
  })

  it('refuse one zone under two names of JavaScript', () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const first = addon.createLimitReqZone(fd, SIZE, 'one', '$uri')
    const second = addon.attachLimitReqZone(fd, SIZE, 'one')
    closeSync(fd)
    expect(() => addon.compileLimits([limit(first), limit(second)], new Float64Array(2))).toThrow(TypeError)
  })

  it('keep their zones mapped, and let go of them', async () => {
    const collecting = child(
      `const mapped = () => require('node:fs').readFileSync('/proc/self/maps', 'latin1').includes('sluice-collected')
      const fd = addon.createSharedMemory('sluice-collected', ${SIZE})
      let zone = addon.createLimitReqZone(fd, ${SIZE}, 'one', 'key')
      let check = addon.compileLimits([{ zone, rate: 1, burst: 0, delay: 0, dryRun: false }], new Float64Array(2))
      zone = undefined
      addon.close(fd)
      let turns = 0
      const keep = () => {
        gc()
        if (++turns < 10) return setTimeout(keep, 1)
        say([mapped(), check('x'), check('x')])
        check = undefined
        drop()
      }
      const drop = () => { gc(); if (mapped()) setTimeout(drop, 5); else say('unmapped') }
      keep()`,
      { nodeOptions: ['--expose-gc'] },
    )
    expect(await collecting.next()).toEqual([true, 0, LIMIT_REJECTED])
    expect(await collecting.next()).toBe('unmapped')
  })
})

describe('a zone', () => {
  it('is one for all processes that have its descriptor', async () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const zone = addon.createLimitReqZone(fd, SIZE, 'one', '$uri')
    const script = `
      const zone = addon.attachLimitReqZone(3, ${SIZE}, 'one')
      const limits = [{ zone, rate: 1, burst: 200000, delay: Infinity, dryRun: false }]
      const check = addon.compileLimits(limits, new Float64Array(2))
      say('ready')
      process.stdin.once('data', () => {
        let passed = 0
        for (let i = 0; i < 1000; i++) if (check('key') === 0) passed++
        say(passed)
        process.exit()
      })`
    const others = [child(script, { fds: [fd] }), child(script, { fds: [fd] })]
    for (const other of others) expect(await other.next()).toBe('ready')
    for (const other of others) other.process.stdin?.write('go')
    const passed = (await Promise.all(others.map((other) => other.next()))) as number[]
    expect((passed[0] ?? 0) + (passed[1] ?? 0)).toBe(201)
    const stats = addon.zoneStats(zone)
    expect([stats.passed, stats.rejected, stats.nodes]).toEqual([201, 1799, 1])
    expect(addon.checkZone(zone)).toBeUndefined()
    closeSync(fd)
  })

  it('counts what was decided', () => {
    const zone = newZone()
    const check = addon.compileLimitsAt([limit(zone, { burst: 1000 })], new Float64Array(2))
    const dry = addon.compileLimitsAt([limit(zone, { burst: 1000, dryRun: true })], new Float64Array(2))
    for (let i = 0; i < 4; i++) check(5000, 'key')
    dry(5000, 'key')
    expect(dry(6000, 'key')).toBe(1000)
    expect(addon.zoneStats(zone)).toEqual({
      passed: 1,
      delayed: 1,
      rejected: 2,
      delayedDryRun: 1,
      rejectedDryRun: 1,
      nodes: 1,
      evictedIdle: 0,
      evictedInDebt: 0,
      allocationFailures: 0,
      lockSpins: expect.any(Number) as number,
      lockSleeps: expect.any(Number) as number,
      repairs: 0,
      shards: 1,
    })
  })

  it('says about how many keys it holds', () => {
    const capacity = addon.zoneCapacity(10 * 1024 * 1024, 4)
    expect(capacity).toBeGreaterThan(50_000)
    expect(addon.zoneCapacity(10 * 1024 * 1024, 40)).toBeLessThan(capacity)
    expect(addon.zoneCapacity(1, 4)).toBe(0)
  })

  it('was not locked by a process that never had it', () => {
    expect(addon.forceUnlockZone(newZone(), 2 ** 22)).toBe(false)
  })

  it('is attached only as what it is', () => {
    const fd = addon.createSharedMemory('one', 2 * SIZE)
    const attach = (size: number, name: string): unknown => addon.attachLimitReqZone(fd, size, name)
    const refused = expect.objectContaining({ code: 'ERR_ZONE' }) as Error
    expect(() => attach(SIZE, 'one')).toThrow(refused)
    addon.createLimitReqZone(fd, SIZE, 'one', '$uri')
    attach(SIZE, 'one')
    expect(() => attach(SIZE, 'two')).toThrow(refused)
    expect(() => attach(2 * SIZE, 'one')).toThrow(refused)
    expect(() => attach(3 * SIZE, 'one')).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'mmap' }))
    expect(() => addon.createLimitReqZone(fd, 64, 'one', '$uri')).toThrow(refused)
    closeSync(fd)
  })
})
