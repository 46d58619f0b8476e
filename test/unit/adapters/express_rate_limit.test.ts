// The store for express-rate-limit: what that package's own stores promise, its middleware over real requests, and what
// its memory store cannot do.

import { once } from 'node:events'
import { createServer, get as httpGet } from 'node:http'
import express from 'express'
import { type Options, rateLimit, type Store } from 'express-rate-limit'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { sluiceStore } from '../../../src/adapters/express_rate_limit.ts'
import type { Zone } from '../../../src/limiter/types.ts'
import { waitFor } from '../../harness/wait_for.ts'
import { type Client, clockedZone, KINDS, serve } from './harness.ts'

const MINUTE_MS = 60_000

describe.each(KINDS)('with a zone in %s,', (kind) => {
  let clock: { nowMs: number }
  let zone: Zone
  beforeEach(() => {
    ;({ zone, clock } = clockedZone(kind))
  })

  describe('a store', () => {
    let store: Store
    beforeEach(() => {
      store = sluiceStore({ zone })
      void store.init?.({ windowMs: MINUTE_MS } as Options)
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

    test('counts whatever keys an application makes: none, numbers, very long ones', async () => {
      const long = 'x'.repeat(70_000)
      for (const key of ['', 42 as unknown as string, undefined as unknown as string, long, `${long}y`]) {
        expect((await store.increment(key)).totalHits).toBe(1)
        expect((await store.increment(key)).totalHits).toBe(2)
        await store.decrement(key)
        expect((await store.get?.(key))?.totalHits).toBe(1)
        await store.resetKey(key)
        expect(await store.get?.(key)).toBeUndefined()
      }
    })

    test('takes a window with half a millisecond', async () => {
      void store.init?.({ windowMs: 1000.5 } as Options)
      expect((await store.increment('k')).totalHits).toBe(1)
      clock.nowMs += 1000
      expect((await store.increment('k')).totalHits).toBe(2)
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
      clock.nowMs += MINUTE_MS / 2
      await store.increment('b')
      clock.nowMs += MINUTE_MS / 2 - 1
      expect((await store.increment('a')).totalHits).toBe(2)
      clock.nowMs += 1
      expect(await store.get?.('a')).toBeUndefined()
      expect((await store.increment('a')).totalHits).toBe(1)
      expect((await store.increment('b')).totalHits).toBe(2)
    })

    test('does not give back hits of a window that has ended', async () => {
      await store.increment('k')
      clock.nowMs += MINUTE_MS
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
      const client = await start({ store: sluiceStore({ zone }), standardHeaders: 'draft-8' })
      expect(await client.statuses(2)).toEqual([200, 200])
      const { status, headers, text } = await client.get()
      expect([status, headers['retry-after']]).toEqual([429, '60'])
      expect(headers['ratelimit']).toContain('r=0; t=60')
      expect(text).toContain('Too many requests')
    })

    test('accepts again when the window is over', async () => {
      const client = await start({ store: sluiceStore({ zone }) })
      expect(await client.statuses(3)).toEqual([200, 200, 429])
      clock.nowMs += MINUTE_MS
      expect(await client.statuses(3)).toEqual([200, 200, 429])
    })

    test('shares one limit between two servers', async () => {
      const [one, two] = [await start({ store: sluiceStore({ zone }) }), await start({ store: sluiceStore({ zone }) })]
      expect([...(await one.statuses(1)), ...(await two.statuses(2)), ...(await one.statuses(1))]).toEqual([
        200, 200, 429, 429,
      ])
    })

    test('refuses everything with a limit of 0, and keeps keys apart', async () => {
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
      const failing = await start({ skipFailedRequests: true, store: sluiceStore({ zone, name: 'failed' }) })
      expect(await failing.statuses(4, '/bad')).toEqual([400, 400, 400, 400])
      expect(await failing.statuses(3)).toEqual([200, 200, 429])
      const succeeding = await start({ skipSuccessfulRequests: true, store: sluiceStore({ zone }) })
      expect(await succeeding.statuses(4)).toEqual([200, 200, 200, 200])
      expect(await succeeding.statuses(3, '/bad')).toEqual([400, 400, 429])
    })

    test('reaches the store by resetKey and getKey', async () => {
      const app = express()
      const limiter = rateLimit({
        windowMs: MINUTE_MS,
        limit: 1,
        keyGenerator: () => 'k',
        store: sluiceStore({ zone }),
      })
      app.use(limiter)
      app.use((_request, response) => void response.send('ok'))
      const client = await serve(createServer(app))
      expect(await client.statuses(2)).toEqual([200, 429])
      expect((await limiter.getKey('k'))?.totalHits).toBe(2)
      limiter.resetKey('k')
      expect(await client.statuses(2)).toEqual([200, 429])
    })

    test('gives nothing back to a window that begins after the request', async () => {
      const app = express()
      app.use(rateLimit({ windowMs: MINUTE_MS, limit: 2, skipSuccessfulRequests: true, store: sluiceStore({ zone }) }))
      app.use((request, response) => {
        // As if the answer took so long.
        if (request.path === '/slow') clock.nowMs += MINUTE_MS
        response.send('ok')
      })
      const client = await serve(createServer(app))
      const key = '127.0.0.1'
      expect(await client.statuses(1, '/slow')).toEqual([200])
      expect(zone.window({ name: 'express-rate-limit', windowMs: MINUTE_MS }).get(key)).toBeUndefined()
    })

    test('gives back the hit of a client that leaves', async () => {
      const app = express()
      const store = sluiceStore({ zone })
      app.use(rateLimit({ windowMs: MINUTE_MS, limit: 2, skipFailedRequests: true, keyGenerator: () => 'k', store }))
      app.use((_request, response) => void response.write('begun'))
      const client = await serve(createServer(app))
      const leaving = httpGet({ port: client.port, host: '127.0.0.1' }, () => leaving.destroy()).on(
        'error',
        () => undefined,
      )
      await once(leaving, 'close')
      await waitFor('the hit to be given back', async () => (await store.get?.('k'))?.totalHits === 0)
    })

    test.each([
      ['legacy', { legacyHeaders: true }, { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1' }],
      ['draft-6', { standardHeaders: 'draft-6' }, { 'ratelimit-policy': '2;w=60', 'ratelimit-reset': '60' }],
      ['draft-7', { standardHeaders: 'draft-7' }, { ratelimit: 'limit=2, remaining=1, reset=60' }],
      ['draft-8', { standardHeaders: 'draft-8' }, { 'ratelimit-policy': expect.stringContaining('q=2; w=60') }],
    ] as const)('fills the fields of the form %s', async (_, options, fields) => {
      const client = await start({ ...options, store: sluiceStore({ zone }) })
      expect((await client.get()).headers).toMatchObject(fields)
    })

    test('fails or passes, as wanted, when the zone was closed', async () => {
      vi.spyOn(console, 'error').mockReturnValue(undefined)
      onTestFinished(() => void vi.restoreAllMocks())
      const failing = await start({ store: sluiceStore({ zone }) })
      const passing = await start({ passOnStoreError: true, store: sluiceStore({ zone, name: 'passing' }) })
      zone.close()
      expect(await failing.statuses(1)).toEqual([500])
      expect(await passing.statuses(1)).toEqual([200])
    })

    test('complains of two limiters that count each request twice under one name', async () => {
      const complain = vi.spyOn(console, 'error').mockReturnValue(undefined)
      onTestFinished(() => void vi.restoreAllMocks())
      const app = express()
      for (const _ of [1, 2]) app.use(rateLimit({ windowMs: MINUTE_MS, store: sluiceStore({ zone }) }))
      app.use((_request, response) => void response.send('ok'))
      await (await serve(createServer(app))).get()
      expect(complain).toHaveBeenCalledWith(expect.objectContaining({ code: 'ERR_ERL_DOUBLE_COUNT' }))
    })

    test('has nothing to complain of in its validations', async () => {
      const complaints = ['error', 'warn'].map((level) =>
        vi.spyOn(console, level as 'error').mockReturnValue(undefined),
      )
      onTestFinished(() => void vi.restoreAllMocks())
      const app = express()
      for (const name of ['minute', 'hour'])
        app.use(rateLimit({ windowMs: MINUTE_MS, store: sluiceStore({ zone, name }) }))
      app.use((_request, response) => void response.send('ok'))
      expect(await (await serve(createServer(app))).statuses(2)).toEqual([200, 200])
      for (const complaint of complaints) expect(complaint).not.toHaveBeenCalled()
    })
  })
})
