// What a zone in one process's memory does beside deciding: names, eviction, errors, the warning.

import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import type { Rate, Zone } from '../../../src/limiter/types.ts'

let zones = 0

function open(size: number | string = '1m'): { zone: Zone; clock: { nowMs: number } } {
  const clock = { nowMs: 10 ** 6 }
  const zone = openMemoryZone(`test${++zones}`, { size }, () => clock.nowMs)
  onTestFinished(() => zone.unlink())
  return { zone, clock }
}

describe('a name', () => {
  test('is the same zone for all who open it, until it is unlinked', () => {
    const first = openMemoryZone('shared')
    const second = openMemoryZone('shared')
    expect(first.limit({ name: 'one', rate: '1r/d' }).check('k').allowed).toBe(true)
    first.close()
    expect(second.limit({ name: 'one', rate: '1r/d' }).check('k').allowed).toBe(false)
    expect(second.limit({ name: 'two', rate: '1r/d' }).check('k').allowed).toBe(true)
    second.unlink()
    const third = openMemoryZone('shared')
    expect(third.limit({ name: 'one', rate: '1r/d' }).check('k').allowed).toBe(true)
    third.unlink()
  })

  test.each(['', '.', '../x', 'a/b', 'a\0', '.hidden', 'x'.repeat(101)])('cannot be %j', (name) => {
    expect(() => openMemoryZone(name)).toThrow('invalid zone name')
  })

  test('with another size is an error', () => {
    const zone = openMemoryZone('sized', { size: '64k' })
    onTestFinished(() => zone.unlink())
    expect(() => openMemoryZone('sized', { size: '1m' })).toThrow('zone "sized": it has the size 65536 and not 1048576')
    expect(openMemoryZone('sized', { size: 65536 }).stats().sizeBytes).toBe(65536)
  })
})

describe('a zone', () => {
  test('has one meaning for each name of a limit', () => {
    const zone = openMemoryZone('names')
    onTestFinished(() => zone.unlink())
    zone.limit({ name: 'api', rate: 1 })
    zone.limit({ name: 'api', rate: 2 })
    zone.window({ name: 'login', windowMs: 1000 })
    expect(() => zone.window({ name: 'api', windowMs: 1 })).toThrow('"api" is a limit in this zone, not a window')
    expect(() => openMemoryZone('names').limit({ name: 'login', rate: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_ZONE', message: '"login" is a window in this zone, not a limit' }),
    )
  })

  test('of the proxy has buckets without names, and no windows', () => {
    const options = { state: '/nowhere/one', key: '$binary_remote_addr' }
    const zone = openMemoryZone('one', options)
    onTestFinished(() => zone.unlink())
    expect(zone.limit({ name: 'a', rate: '1r/d' }).check('k').allowed).toBe(true)
    expect(zone.limit({ name: 'b', rate: '1r/d' }).check('k').allowed).toBe(false)
    expect(() => zone.window({ name: 'w', windowMs: 1 })).toThrow('a zone of the proxy has buckets only')
    expect(() => openMemoryZone('one', { ...options, key: '$uri' })).toThrow('it uses the "$binary_remote_addr" key')
    expect(() => openMemoryZone('two', options)).toThrow('it has the name "one"')
    expect(() => openMemoryZone('one', { state: '/nowhere/one' })).toThrow(TypeError)
  })

  test('cannot be used after it was closed', () => {
    const zone = openMemoryZone('closed')
    onTestFinished(() => zone.unlink())
    const limit = zone.limit({ name: 'api', rate: '1r/d' })
    const window = zone.window({ name: 'w', windowMs: 1000 })
    limit.check('k')
    zone.close()
    zone.close()
    expect(() => limit.check('k')).toThrow('closed')
    expect(() => window.hit('k')).toThrow('closed')
    expect(() => zone.stats()).toThrow('zone "closed" is closed')
    expect(openMemoryZone('closed').limit({ name: 'api', rate: '1r/d' }).check('k').allowed).toBe(false)
  })
})

describe('options', () => {
  test.each<Rate>([
    '',
    '1',
    '0r/s',
    '1r/y',
    '-1r/s',
    '1.5r/s',
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    { requests: 1, periodMs: 0 },
    undefined as unknown as Rate,
    1n as unknown as Rate,
  ])('rate %o is refused', (rate) => {
    expect(() => open().zone.limit({ name: 'one', rate })).toThrow('invalid rate')
  })

  test.each([
    [{ name: '', rate: 1 }, 'invalid limit name'],
    [{ name: 'x', rate: 1, burst: -1 }, 'invalid burst -1'],
    [{ name: 'x', rate: 1, burst: 0.5 }, 'invalid burst 0.5'],
    [{ name: 'x', rate: 1, delay: -1 }, 'invalid delay -1'],
    [{ name: 'x', rate: 1, delay: 1, nodelay: true }, 'either nodelay or delay'],
    [{ name: 'x', rate: new Map([['a', 1]]) }, 'needs a rate for "default"'],
  ])('%j is refused', (options, text) => {
    expect(() => open().zone.limit(options)).toThrow(text)
  })

  test('a key is text or bytes, which are the same key', () => {
    const limit = open().zone.limit({ name: 'one', rate: '1r/d' })
    expect(limit.check('é').allowed).toBe(true)
    expect(limit.check(Buffer.from('é')).allowed).toBe(false)
    expect(() => limit.check(undefined as unknown as string)).toThrow('a key is text or bytes, not undefined')
  })

  test('an empty or overlong key is not accounted', () => {
    const limit = open().zone.limit({ name: 'one', rate: '1r/d' })
    for (const key of ['', 'x'.repeat(65536)]) {
      limit.check(key)
      expect(limit.check(key)).toMatchObject({ allowed: true, remaining: 1 })
    }
  })

  test('a rate may differ per key, by a table or a function', () => {
    const { zone, clock } = open()
    const table = zone.limit({
      name: 'table',
      rate: new Map([
        ['fast', '100r/s'],
        ['default', '1r/s'],
      ]),
    })
    const rule = zone.limit({ name: 'rule', rate: (key) => (key === 'fast' ? '100r/s' : '1r/s') })
    for (const limit of [table, rule]) {
      for (const key of ['fast', 'slow']) expect(limit.check(key).allowed).toBe(true)
      clock.nowMs += 10
      expect([limit.check('fast').allowed, limit.check('slow').allowed]).toEqual([true, false])
    }
  })
})

describe('checkAll', () => {
  test('charges all limits or none', () => {
    const { zone } = open()
    const wide = zone.limit({ name: 'wide', rate: '1r/s', burst: 9 })
    const narrow = zone.limit({ name: 'narrow', rate: '1r/s' })
    expect(
      zone.checkAll([
        [wide, 'k'],
        [narrow, 'k'],
      ]).allowed,
    ).toBe(true)
    expect(
      zone.checkAll([
        [wide, 'k'],
        [narrow, 'k'],
      ]),
    ).toMatchObject({ allowed: false, retryAfterMs: 1000, excess: 1 })
    expect(wide.peek('k', { cost: 0 }).remaining).toBe(9)
  })

  test('tells of the longest delay, of equal ones that of the later limit', () => {
    const { zone } = open()
    const limits = ['a', 'b'].map((name) => zone.limit({ name, rate: '1r/s', burst: name === 'a' ? 3 : 5, delay: 0 }))
    const checks = limits.map((limit) => [limit, 'k'] as const)
    zone.checkAll(checks)
    expect(zone.checkAll(checks)).toMatchObject({ delayMs: 1000, remaining: 4 })
    limits[0]?.check('k')
    expect(zone.checkAll(checks)).toMatchObject({ delayMs: 3000, remaining: 0 })
  })

  test('takes only limits of its own zone', () => {
    const foreign = open().zone.limit({ name: 'one', rate: 1 })
    expect(() => open().zone.checkAll([[foreign, 'k']])).toThrow('limit "one" is not one of zone')
  })
})

describe('a full zone', () => {
  test('forgets who is idle, least recently used first, before who is in debt', () => {
    const { zone, clock } = open(5 * 128)
    const limit = zone.limit({ name: 'one', rate: '1r/s', burst: 9 })
    for (const key of ['debtor', 'debtor', 'debtor', 'idle', 'used', 'other', 'late']) limit.check(key)
    clock.nowMs += 1000
    limit.check('used')
    limit.check('new')
    expect(limit.peek('debtor', { cost: 0 }).remaining).toBe(8)
    expect(zone.stats()).toMatchObject({ nodes: 5, evictedIdle: 1, evictedInDebt: 0 })
    expect([limit.reset('idle'), limit.reset('used'), limit.reset('debtor')]).toEqual([false, true, true])
  })

  test('forgets who is in debt when nobody is idle, and counts it apart', () => {
    const { zone } = open(2 * 128)
    const limit = zone.limit({ name: 'one', rate: '1r/s', burst: 9 })
    for (const key of ['a', 'a', 'b', 'b', 'c']) expect(limit.check(key).allowed).toBe(true)
    expect(zone.stats()).toMatchObject({ nodes: 2, evictedIdle: 0, evictedInDebt: 1 })
  })

  test('refuses a key for which there is no room at all, and counts it', () => {
    const { zone } = open(128)
    const limit = zone.limit({ name: 'one', rate: '1r/s' })
    expect(limit.check('x'.repeat(1000)).allowed).toBe(false)
    expect(zone.stats()).toMatchObject({ allocationFailures: 1, rejected: 0, nodes: 0 })
  })

  test('never holds more than its size', () => {
    const { zone, clock } = open('64k')
    const limit = zone.limit({ name: 'one', rate: '1r/s', burst: 1 })
    for (let i = 0; i < 20_000; ++i) {
      clock.nowMs += i % 7 === 0 ? 1 : 0
      limit.check(`key${i % 3 === 0 ? i % 50 : i}`)
    }
    expect(zone.stats().nodes).toBe(512)
  })
})

test('top tells the keys with the largest excess, largest first', () => {
  const { zone } = open()
  const limit = zone.limit({ name: 'one', rate: '1r/s', burst: 9 })
  zone.limit({ name: 'other', rate: '1r/s', burst: 9 }).check('z', { cost: 9 })
  for (const [key, cost] of [
    ['a', 2],
    ['b', 4],
    ['c', 3],
    ['d', 1],
  ] as const)
    limit.check(key, { cost })
  const text = limit.top(2).map(({ key, excess }) => [Buffer.from(key).toString(), excess])
  expect(text).toEqual([
    ['b', 3],
    ['c', 2],
  ])
})

test('resetAll forgets the keys of one window limit only', () => {
  const { zone } = open()
  const one = zone.window({ name: 'one', windowMs: 1000 })
  const two = zone.window({ name: 'two', windowMs: 1000 })
  for (const key of ['a', 'b']) for (const window of [one, two]) window.hit(key)
  one.resetAll()
  expect([one.get('a'), one.get('b'), two.get('a')?.count]).toEqual([undefined, undefined, 1])
})

describe('wait', () => {
  test('resolves when the delay is over', async () => {
    const { zone } = open()
    const limit = zone.limit({ name: 'one', rate: '50r/s', burst: 9, delay: 0 })
    await limit.wait('k')
    const from = performance.now()
    expect((await limit.wait('k')).delayMs).toBe(20)
    expect(performance.now() - from).toBeGreaterThan(18)
  })

  test('rejects with the reason of its signal, and what was charged stays', async () => {
    const { zone } = open()
    const limit = zone.limit({ name: 'one', rate: '1r/d', burst: 9, delay: 0 })
    limit.check('k')
    const leaving = new AbortController()
    const waiting = limit.wait('k', { signal: leaving.signal })
    const reason = new Error('left')
    leaving.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(limit.peek('k', { cost: 0 }).remaining).toBe(8)
    await expect(limit.wait('k', { signal: leaving.signal })).rejects.toBe(reason)
    expect(limit.peek('k', { cost: 0 }).remaining).toBe(8)
  })
})

test('says once, loudly, that it serves one process', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
  onTestFinished(() => warn.mockRestore())
  vi.resetModules()
  const fresh = await import('../../../src/limiter/memory_zone.ts')
  for (const name of ['a', 'b']) fresh.openMemoryZone(name)
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn).toHaveBeenCalledWith(
    expect.stringContaining('N processes admit N times every limit'),
    expect.objectContaining({ code: 'SLUICE_ONE_PROCESS' }),
  )
})
