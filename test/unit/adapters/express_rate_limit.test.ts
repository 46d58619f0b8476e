// The store for express-rate-limit: what that package's own stores promise, its middleware over real requests, and what
// its memory store cannot do.

import { createServer } from 'node:http'
import express from 'express'
import { type Options, rateLimit, type Store } from 'express-rate-limit'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { sluiceStore } from '../../../src/adapters/express_rate_limit.ts'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import type { Zone } from '../../../src/limiter/types.ts'
import { type Client, serve, testZone } from './harness.ts'

const MINUTE_MS = 60_000

describe('a store', () => {
  let nowMs: number
  let zone: Zone
  let store: Store

  beforeEach(() => {
    nowMs = 1_000_000
    zone = openMemoryZone('store', {}, () => nowMs)
    store = sluiceStore({ zone })
    void store.init?.({ windowMs: MINUTE_MS } as Options)
    onTestFinished(() => zone.unlink())
  })

  test('tells hits and time of reset of a key', async () => {
    await store.increment('k')
    const before = Date.now()
    const info = await store.get?.('k')
    expect(info?.totalHits).toBe(1)
    const resetMs = Number(info?.resetTime) - before
    expect(resetMs).toBeGreaterThanOrEqual(MINUTE_MS)
    expect(resetMs).toBeLessThan(MINUTE_MS + 5000)
  })

  test('knows nothing of a key that was never hit', async () => {
    expect(await store.get?.('k')).toBeUndefined()
    await store.decrement('k')
    await store.resetKey('k')
    expect(await store.get?.('k')).toBeUndefined()
  })

  test('counts from 1, each key for itself', async () => {
    expect((await store.increment('a')).totalHits).toBe(1)
    expect((await store.increment('a')).totalHits).toBe(2)
    expect((await store.increment('b')).totalHits).toBe(1)
  })

  test('takes a hit back, never below 0', async () => {
    await store.increment('k')
    await store.increment('k')
    await store.decrement('k')
    expect((await store.get?.('k'))?.totalHits).toBe(1)
    for (let i = 0; i < 3; ++i) await store.decrement('k')
    expect((await store.get?.('k'))?.totalHits).toBe(0)
    expect((await store.increment('k')).totalHits).toBe(1)
  })

  test('forgets a key when told to', async () => {
    for (const key of ['a', 'b']) await store.increment(key)
    await store.resetKey('a')
    expect(await store.get?.('a')).toBeUndefined()
    expect((await store.increment('a')).totalHits).toBe(1)
    expect((await store.increment('b')).totalHits).toBe(2)
  })

  test('forgets all keys when told to, and no others of the zone', async () => {
    const other = sluiceStore({ zone, name: 'other' })
    for (const key of ['a', 'b']) for (const each of [store, other]) await each.increment(key)
    await store.resetAll?.()
    expect([await store.get?.('a'), await store.get?.('b')]).toEqual([undefined, undefined])
    expect((await other.get?.('a'))?.totalHits).toBe(1)
  })

  test('begins anew when the window ends, which begins with the first hit of a key', async () => {
    await store.increment('a')
    nowMs += MINUTE_MS / 2
    await store.increment('b')
    nowMs += MINUTE_MS / 2 - 1
    expect((await store.increment('a')).totalHits).toBe(2)
    nowMs += 1
    expect(await store.get?.('a')).toBeUndefined()
    expect((await store.increment('a')).totalHits).toBe(1)
    expect((await store.increment('b')).totalHits).toBe(2)
  })

  test('does not give back hits of a window that has ended', async () => {
    await store.increment('k')
    nowMs += MINUTE_MS
    await store.decrement('k')
    expect((await store.increment('k')).totalHits).toBe(1)
  })

  test('shares its counts with every store of its zone and name', async () => {
    const twin = sluiceStore({ zone })
    void twin.init?.({ windowMs: MINUTE_MS } as Options)
    await store.increment('k')
    expect((await twin.increment('k')).totalHits).toBe(2)
    expect([twin.prefix, twin.localKeys]).toEqual([store.prefix, false])
    expect(sluiceStore({ zone, name: 'other' }).prefix).not.toBe(store.prefix)
  })
})

describe('its middleware', () => {
  async function start(options: Partial<Options>, respond = 200): Promise<Client> {
    const app = express()
    app.use(rateLimit({ windowMs: MINUTE_MS, limit: 2, ...options }))
    app.get('/bad', (_request, response) => void response.status(400).end())
    app.use((_request, response) => void response.status(respond).send('ok'))
    return serve(createServer(app))
  }

  test('refuses what is above the limit and says when to come back', async () => {
    const client = await start({ store: sluiceStore({ zone: testZone() }), standardHeaders: 'draft-8' })
    expect(await client.statuses(2)).toEqual([200, 200])
    const { status, headers, text } = await client.get()
    expect([status, headers['retry-after']]).toEqual([429, '60'])
    expect(headers['ratelimit']).toContain('r=0; t=60')
    expect(text).toContain('Too many requests')
  })

  test('accepts again when the window is over', async () => {
    let nowMs = 1_000_000
    const zone = openMemoryZone('over', {}, () => nowMs)
    onTestFinished(() => zone.unlink())
    const client = await start({ store: sluiceStore({ zone }) })
    expect(await client.statuses(3)).toEqual([200, 200, 429])
    nowMs += MINUTE_MS
    expect(await client.statuses(3)).toEqual([200, 200, 429])
  })

  test('shares one limit between two servers', async () => {
    const zone = testZone()
    const [one, two] = [await start({ store: sluiceStore({ zone }) }), await start({ store: sluiceStore({ zone }) })]
    expect([...(await one.statuses(1)), ...(await two.statuses(2)), ...(await one.statuses(1))]).toEqual([
      200, 200, 429, 429,
    ])
  })

  test('refuses everything with a limit of 0, and keeps keys apart', async () => {
    const zone = testZone()
    expect(await (await start({ limit: 0, store: sluiceStore({ zone, name: 'none' }) })).statuses(1)).toEqual([429])
    const keyed = await start({
      limit: 1,
      keyGenerator: (request) => String(request.headers['x-key']),
      store: sluiceStore({ zone, name: 'keyed' }),
    })
    expect(await keyed.statuses(2, '/', { 'x-key': 'a' })).toEqual([200, 429])
    expect(await keyed.statuses(1, '/', { 'x-key': 'b' })).toEqual([200])
  })

  test('gives back what it does not want to count', async () => {
    const failing = await start({ skipFailedRequests: true, store: sluiceStore({ zone: testZone() }) })
    expect(await failing.statuses(4, '/bad')).toEqual([400, 400, 400, 400])
    expect(await failing.statuses(3)).toEqual([200, 200, 429])
    const succeeding = await start({ skipSuccessfulRequests: true, store: sluiceStore({ zone: testZone() }) })
    expect(await succeeding.statuses(4)).toEqual([200, 200, 200, 200])
    expect(await succeeding.statuses(3, '/bad')).toEqual([400, 400, 429])
  })

  test('reaches the store by resetKey and getKey', async () => {
    const app = express()
    const limiter = rateLimit({
      windowMs: MINUTE_MS,
      limit: 1,
      keyGenerator: () => 'k',
      store: sluiceStore({ zone: testZone() }),
    })
    app.use(limiter)
    app.use((_request, response) => void response.send('ok'))
    const client = await serve(createServer(app))
    expect(await client.statuses(2)).toEqual([200, 429])
    expect((await limiter.getKey('k'))?.totalHits).toBe(2)
    limiter.resetKey('k')
    expect(await client.statuses(2)).toEqual([200, 429])
  })

  test('has nothing to complain of in its validations', async () => {
    const complaints = ['error', 'warn'].map((level) => vi.spyOn(console, level as 'error').mockReturnValue(undefined))
    onTestFinished(() => void vi.restoreAllMocks())
    const zone = testZone()
    const app = express()
    for (const name of ['minute', 'hour'])
      app.use(rateLimit({ windowMs: MINUTE_MS, store: sluiceStore({ zone, name }) }))
    app.use((_request, response) => void response.send('ok'))
    expect(await (await serve(createServer(app))).statuses(2)).toEqual([200, 200])
    for (const complaint of complaints) expect(complaint).not.toHaveBeenCalled()
  })
})
