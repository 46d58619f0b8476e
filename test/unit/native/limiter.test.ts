import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  addon,
  type Bucket,
  type BucketSpec,
  LIMIT_NAME_OTHER_ALGORITHM,
  LIMIT_NOT_ACCOUNTED,
  LIMIT_REJECTED,
  type LimitReqZone,
} from '../../../src/native/addon.ts'

const SIZE = 256 * 1024
const NODELAY = 2 ** 53

function newZone(): LimitReqZone {
  const fd = addon.createSharedMemory('one', SIZE)
  const zone = addon.createLimitReqZone(fd, SIZE, 'one', 'key')
  closeSync(fd)
  return zone
}

/** A bucket of one request a second, and its clock. */
function newBucket(zone: LimitReqZone, more: Partial<BucketSpec> = {}) {
  const result = new Float64Array(3)
  const clock = new Float64Array([1e6])
  const spec = { prefix: 'a\0', rate: 1000, periodMs: 1000, burst: 0, delay: NODELAY, ...more }
  return { bucket: addon.compileBucket(zone, spec, result, clock), result, clock }
}

describe('a bucket', () => {
  it('takes text and bytes, which are the same key when the UTF-8 is', () => {
    const { bucket } = newBucket(newZone())
    for (const key of ['k', 'ключ', '日本', '\u{1f512}', 'x'.repeat(507), 'é'.repeat(254), 'я'.repeat(30_000)]) {
      expect(bucket.check(key), key).toBe(0)
      expect(bucket.check(Buffer.from(key)), key).toBe(LIMIT_REJECTED)
      expect(bucket.check(new Uint8Array(Buffer.from(key))), key).toBe(LIMIT_REJECTED)
      expect(bucket.forget(key), key).toBe(true)
      expect(bucket.forget(Buffer.from(key)), key).toBe(false)
    }
  })

  it('tells keys of every length apart by their last byte', () => {
    const { bucket } = newBucket(newZone(), { rate: 1, periodMs: 1e9 })
    for (let length = 1; length < 1100; length += length < 500 || length > 520 ? 37 : 1) {
      const key = 'k'.repeat(length)
      expect([length, bucket.check(key)]).toEqual([length, 0])
      expect([length, bucket.check(key)]).toEqual([length, LIMIT_REJECTED])
      expect([length, bucket.check(`${key.slice(1)}l`)]).toEqual([length, 0])
    }
  })

  it('does not account for keys that are empty or too long with their prefix', () => {
    const { bucket, result } = newBucket(newZone())
    for (const key of ['', new Uint8Array(0), 'x'.repeat(65534), new Uint8Array(65534), 'x'.repeat(1e6)]) {
      expect(bucket.check(key)).toBe(LIMIT_NOT_ACCOUNTED)
      expect(result[0]).toBe(-1000)
    }
    expect(bucket.check('x'.repeat(65533))).toBe(0)
    expect(bucket.check(new Uint8Array(65533).fill(120))).toBe(LIMIT_REJECTED)
  })

  it('charges costs, and tells what it owes and when a refused request would pass', () => {
    const { bucket, result, clock } = newBucket(newZone(), { burst: 4000 })
    expect([bucket.check('k', 3), result[0]]).toEqual([0, 2000])
    expect([bucket.peek('k', 2), result[0]]).toEqual([0, 4000])
    expect([bucket.check('k', 3), ...result]).toEqual([LIMIT_REJECTED, 2000, 0, 1000])
    expect([bucket.check('k', 6), ...result]).toEqual([LIMIT_REJECTED, 2000, 0, -1])
    clock[0] = 1e6 + 999
    expect(bucket.check('k', 3)).toBe(LIMIT_REJECTED)
    clock[0] = 1e6 + 1000
    expect([bucket.check('k', 3), result[0]]).toEqual([0, 4000])
    expect([bucket.check('k', 0), result[0]]).toEqual([0, 4000])
  })

  it('takes another rate for a key, down to one request in years', () => {
    const { bucket, result, clock } = newBucket(newZone())
    expect(bucket.check('k', 1, 1000, 86_400_000)).toBe(0)
    expect([bucket.check('k', 1, 1000, 86_400_000), result[2]]).toEqual([LIMIT_REJECTED, 86_400_000])
    clock[0] = 1e6 + 86_399_999
    expect(bucket.check('k', 1, 1000, 86_400_000)).toBe(LIMIT_REJECTED)
    clock[0] = 1e6 + 86_400_000
    expect(bucket.check('k', 1, 1000, 86_400_000)).toBe(0)
    expect(bucket.check('slow', 1, 1, 2 ** 43 - 1)).toBe(0)
    expect([bucket.check('slow', 1, 1, 2 ** 43 - 1), result[2]]).toEqual([LIMIT_REJECTED, 1000 * (2 ** 43 - 1)])
  })

  it('lists the busiest keys of its prefix, as bytes', () => {
    const zone = newZone()
    const { bucket } = newBucket(zone, { burst: 1e6 })
    const { bucket: other } = newBucket(zone, { burst: 1e6, prefix: 'b\0' })
    for (let i = 1; i <= 100; i++) {
      bucket.check(`key ${i}`, i)
      other.check(`key ${i}`, 500)
    }
    expect(bucket.busiest(2)).toEqual([Buffer.from('key 100'), 99_000, Buffer.from('key 99'), 98_000])
    expect(bucket.busiest(1000)).toHaveLength(2 * 99)
    expect(bucket.busiest(0)).toEqual([])
  })

  it('refuses what is no key and no cost', () => {
    const bucket = newBucket(newZone()).bucket as unknown as Record<string, (...args: unknown[]) => unknown>
    for (const wrong of [
      undefined,
      null,
      1,
      {},
      [],
      Symbol('k'),
      new Uint16Array(2),
      new DataView(new ArrayBuffer(2)),
    ]) {
      for (const name of ['check', 'peek', 'forget']) expect(() => bucket[name]?.(wrong), name).toThrow(TypeError)
    }
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', {}]) {
      expect(() => bucket['check']?.('k', wrong)).toThrow('"cost" must be a number')
    }
    expect(() => bucket['check']?.('k', 1, 0)).toThrow('"rate"')
    expect(() => bucket['check']?.('k', 1, 1, 2 ** 43)).toThrow('"periodMs"')
    expect(() => bucket['busiest']?.(-1)).toThrow('"n"')
  })

  it('refuses wrong options by their names', () => {
    const zone = newZone()
    const spec = { prefix: '', rate: 1000, periodMs: 1000, burst: 0, delay: 0 }
    const compile = (more: object, ...rest: unknown[]) => {
      const args = [zone, { ...spec, ...more }, new Float64Array(3), ...rest]
      return (addon.compileBucket as (...args: unknown[]) => unknown)(...args)
    }
    compile({})
    for (const name of ['rate', 'periodMs', 'burst', 'delay']) {
      for (const wrong of [undefined, -1, 0.5, 2 ** 54, '1']) {
        expect(() => compile({ [name]: wrong })).toThrow(`compileBucket: "options.${name}"`)
      }
    }
    expect(() => compile({ prefix: 1 })).toThrow('compileBucket: "options.prefix"')
    expect(() => compile({}, 1)).toThrow('compileBucket: "clock"')
    expect(() => addon.compileBucket(zone, spec, new Float64Array(2))).toThrow('"result"')
    expect(() => addon.compileWindow(zone, { prefix: '', windowMs: 0 }, new Float64Array(1))).toThrow(
      'compileWindow: "options.windowMs"',
    )
  })

  it('takes the machine’s clock unless it is given another', () => {
    const bucket = addon.compileBucket(
      newZone(),
      { prefix: '', rate: 1000, periodMs: 10, burst: 0, delay: NODELAY },
      new Float64Array(3),
    )
    expect(bucket.check('k')).toBe(0)
    const start = addon.monotonicMs()
    while (addon.monotonicMs() < start + 12);
    expect(bucket.check('k')).toBe(0)
  })
})

describe('several buckets together', () => {
  const rates = new Float64Array(32).fill(1000)
  const together = (buckets: readonly Bucket[], keys: readonly string[], result: Float64Array): number =>
    addon.checkTogether(buckets, keys, rates, result)

  it('are charged all or none, and the one that refused is named', () => {
    const zone = newZone()
    const { bucket: wide, result } = newBucket(zone, { burst: 2000 })
    const { bucket: narrow, result: owed } = newBucket(zone, { prefix: 'b\0' })
    expect([together([wide, narrow], ['k', 'k'], result), ...result]).toEqual([0, 0, 1, 0])
    expect([together([wide, narrow], ['k', 'k'], result), ...result]).toEqual([LIMIT_REJECTED, 0, 1, 1000])
    expect([wide.peek('k', 0), result[0]]).toEqual([0, 0])
    // Once more under another key of the narrow one: twice the same of the wide one needs room for both.
    expect(together([wide, wide], ['k', 'k'], result)).toBe(0)
    expect([together([wide, wide], ['k', 'k'], result), result[1]]).toEqual([LIMIT_REJECTED, 0])
    expect(together([narrow, narrow], ['new', 'new'], result)).toBe(LIMIT_REJECTED)
    expect([narrow.peek('new', 0), owed[0]]).toEqual([0, -1000])
  })

  it('are refused when they are none or too many', () => {
    const { bucket, result } = newBucket(newZone())
    expect(() => together([], [], result)).toThrow('1 to 16, with a key each')
    expect(() => together(Array<Bucket>(17).fill(bucket), Array<string>(17).fill('k'), result)).toThrow('1 to 16')
    expect(() => together([bucket], ['a', 'b'], result)).toThrow('1 to 16')
    expect(() => together([{} as Bucket], ['a'], result)).toThrow('"buckets[i]" must be a bucket')
    expect(() => addon.checkTogether([bucket], ['a'], new Float64Array(2), result)).toThrow('"rates"')
    expect(() => together([bucket], [1 as unknown as string], result)).toThrow(TypeError)
  })
})

describe('a window', () => {
  it('counts hits until its end, takes them back, forgets', () => {
    const result = new Float64Array(1)
    const clock = new Float64Array([1e6])
    const zone = newZone()
    const window = addon.compileWindow(zone, { prefix: 'w\0', windowMs: 5000 }, result, clock)
    const other = addon.compileWindow(zone, { prefix: 'v\0', windowMs: 5000 }, result, clock)
    expect([window.get('k'), result[0]]).toEqual([0, 0])
    expect([window.hit('k'), result[0]]).toEqual([1, 5000])
    clock[0] = 1e6 + 4999
    expect([window.hit(Buffer.from('k'), 2 ** 40), result[0]]).toEqual([2 ** 40 + 1, 1])
    window.decrement('k', 2 ** 40)
    window.decrement('k')
    expect([window.get('k'), result[0]]).toEqual([0, 1])
    clock[0] = 1e6 + 5000
    expect([window.get('k'), result[0]]).toEqual([0, 0])
    expect([window.hit('k', 3), result[0]]).toEqual([3, 5000])
    expect(other.hit('k')).toBe(1)
    window.forgetAll()
    expect(window.forget('k')).toBe(false)
    expect(other.forget('k')).toBe(true)
    expect([window.hit(''), result[0]]).toEqual([0, 5000])
    expect(addon.checkZone(zone)).toBeUndefined()
  })
})

describe('a limit’s name', () => {
  it('means one algorithm in a zone', () => {
    const zone = newZone()
    expect(addon.registerLimitName(zone, 'a', 1)).toBe(0)
    expect(addon.registerLimitName(zone, 'a', 1)).toBe(0)
    expect(addon.registerLimitName(zone, 'a', 2)).toBe(LIMIT_NAME_OTHER_ALGORITHM)
    expect(addon.registerLimitName(zone, 'b', 2)).toBe(0)
    expect(() => addon.registerLimitName(zone, '', 2)).toThrow('"name"')
    expect(() => addon.registerLimitName(zone, 'b', 3)).toThrow('"algorithm"')
    expect(addon.zoneStats(zone).nodes).toBe(0)
    expect(addon.checkZone(zone)).toBeUndefined()
  })
})
