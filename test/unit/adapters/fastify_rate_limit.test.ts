// The store class for @fastify/rate-limit: what that plugin's own stores do, the plugin over real requests, and what its
// local store cannot do.

import fastifyRateLimit, { type RateLimitOptions, type RateLimitPluginOptions } from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { sluiceStore } from '../../../src/adapters/fastify_rate_limit.ts'
import type { Zone } from '../../../src/limiter/types.ts'
import { type Client, clientOf, clockedZone, KINDS } from './harness.ts'

function byKey(request: { headers: Record<string, unknown> }): string {
  return String(request.headers['x-key'])
}

describe.each(KINDS)('with a zone in %s,', (kind) => {
  let clock: { nowMs: number }
  let zone: Zone
  beforeEach(() => {
    ;({ zone, clock } = clockedZone(kind))
  })

  const ok = () => 'ok'

  async function serve(options: RateLimitPluginOptions, build: (app: FastifyInstance) => void): Promise<Client> {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(fastifyRateLimit, { store: sluiceStore({ zone }), ...options })
    build(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return clientOf(app.server)
  }

  const limit = (rateLimit: RateLimitOptions) => ({ config: { rateLimit } })

  test('the plugin refuses what is above its limit until the window is over', async () => {
    const client = await serve({ max: 2, timeWindow: 1000 }, (app) => app.get('/', ok))
    const left: unknown[] = []
    for (let i = 0; i < 2; ++i) left.push((await client.get()).headers['x-ratelimit-remaining'])
    expect(left).toEqual(['1', '0'])
    const { status, headers, text } = await client.get()
    expect([status, headers['retry-after'], headers['x-ratelimit-remaining']]).toEqual([429, '1', '0'])
    expect(JSON.parse(text)).toMatchObject({ statusCode: 429, message: 'Rate limit exceeded, retry in 1 second' })
    clock.nowMs += 1000
    expect(await client.statuses(3)).toEqual([200, 200, 429])
  })

  test('windows may be text, or differ from request to request', async () => {
    const client = await serve({ max: 1, timeWindow: '1 minute' }, (app) => {
      app.get('/', ok)
      app.get(
        '/f',
        limit({ max: 1, timeWindow: (request) => Number(request.headers['x-ms']), keyGenerator: byKey }),
        ok,
      )
    })
    expect((await client.get()).headers['x-ratelimit-reset']).toBe('60')
    for (const ms of ['5000', '9000']) {
      expect((await client.get('/f', { 'x-ms': ms, 'x-key': ms })).headers['x-ratelimit-reset']).toBe(
        `${Number(ms) / 1000}`,
      )
    }
  })

  test.each<[string, () => string | number]>([
    ['a number', () => 42],
    ['nothing', () => ''],
    ['very long', () => 'x'.repeat(70_000)],
  ])('a key may be %s', async (_what, keyGenerator) => {
    const client = await serve({ max: 1, keyGenerator }, (app) => app.get('/', ok))
    expect(await client.statuses(2)).toEqual([200, 429])
  })

  test('a window may have half a millisecond, and a route any url', async () => {
    const url = `/${'long'.repeat(80)}`
    const client = await serve({ timeWindow: 1000 }, (app) =>
      app.get(url, limit({ max: 1, timeWindow: () => 500.5 }), ok),
    )
    expect(await client.statuses(2, url)).toEqual([200, 429])
    clock.nowMs += 501
    expect(await client.statuses(2, url)).toEqual([200, 429])
  })

  test('a window that is open refuses the client, not one whose window has passed', async () => {
    const client = await serve({ max: 1, timeWindow: 1000, keyGenerator: byKey }, (app) => app.get('/', ok))
    expect(await client.statuses(2, '/', { 'x-key': 'a' })).toEqual([200, 429])
    clock.nowMs += 600
    expect(await client.statuses(2, '/', { 'x-key': 'b' })).toEqual([200, 429])
    clock.nowMs += 400
    expect(await client.statuses(1, '/', { 'x-key': 'a' })).toEqual([200])
    expect(await client.statuses(1, '/', { 'x-key': 'b' })).toEqual([429])
  })

  test('routes with a limit of their own have counts of their own, by method and url', async () => {
    const client = await serve({ max: 1 }, (app) => {
      app.get('/', ok)
      app.get('/a', limit({ max: 2 }), ok)
      app.get('/b', limit({ max: 1 }), ok)
      app.post('/b', limit({ max: 1 }), ok)
    })
    expect(await client.statuses(3, '/a')).toEqual([200, 200, 429])
    expect(await client.statuses(2, '/b')).toEqual([200, 429])
    const post = async () => (await fetch(`http://127.0.0.1:${client.port}/b`, { method: 'POST' })).status
    expect([await post(), await post()]).toEqual([200, 429])
    expect(await client.statuses(2)).toEqual([200, 429])
  })

  test('the same route of two servers has one count', async () => {
    const start = () => serve({ max: 9 }, (app) => app.get('/a', limit({ max: 2 }), ok))
    const [one, two] = [await start(), await start()]
    expect([
      ...(await one.statuses(1, '/a')),
      ...(await two.statuses(2, '/a')),
      ...(await one.statuses(1, '/a')),
    ]).toEqual([200, 200, 429, 429])
  })

  test('a group of routes is told apart by its id', async () => {
    const client = await serve({ max: 1 }, (app) => {
      for (const url of ['/a', '/b']) app.get(url, { config: { rateLimit: { max: 1, groupId: url } } }, ok)
    })
    expect(await client.statuses(2, '/a')).toEqual([200, 429])
    expect(await client.statuses(2, '/b')).toEqual([200, 429])
  })

  test('who goes on beyond `ban` is forbidden', async () => {
    const client = await serve({ max: 1, ban: 1 }, (app) => app.get('/', ok))
    expect(await client.statuses(4)).toEqual([200, 429, 403, 403])
  })

  test('lists of exceptions are not counted', async () => {
    const client = await serve({ max: 1, keyGenerator: byKey, allowList: ['friend'] }, (app) => app.get('/', ok))
    expect(await client.statuses(3, '/', { 'x-key': 'friend' })).toEqual([200, 200, 200])
    expect(await client.statuses(2, '/', { 'x-key': 'other' })).toEqual([200, 429])
  })

  test('with continueExceeding the window begins anew with every refused request', async () => {
    const client = await serve({ max: 1, timeWindow: 1000, continueExceeding: true }, (app) => app.get('/', ok))
    expect(await client.statuses(1)).toEqual([200])
    for (let i = 0; i < 3; ++i) {
      clock.nowMs += 900
      const { status, headers } = await client.get()
      expect([status, headers['x-ratelimit-reset']]).toEqual([429, '1'])
    }
    clock.nowMs += 1000
    expect(await client.statuses(1)).toEqual([200])
  })

  test('without it the window ends for those who hammer, too', async () => {
    const client = await serve({ max: 1, timeWindow: 1000 }, (app) => app.get('/', ok))
    expect(await client.statuses(2)).toEqual([200, 429])
    clock.nowMs += 900
    expect(await client.statuses(1)).toEqual([429])
    clock.nowMs += 100
    expect(await client.statuses(1)).toEqual([200])
  })

  test('with exponentialBackoff the window doubles with every refused request, and has an end', async () => {
    const client = await serve({ max: 1, timeWindow: 1000, exponentialBackoff: true }, (app) => app.get('/', ok))
    await client.get()
    const resets: number[] = []
    for (let i = 0; i < 4; ++i) resets.push(Number((await client.get()).headers['x-ratelimit-reset']))
    expect(resets).toEqual([1, 2, 4, 8])
    clock.nowMs += 7999
    expect((await client.get()).headers['x-ratelimit-reset']).toBe('16')
    for (let i = 0; i < 60; ++i) await client.get()
    const last = await client.get()
    expect([last.status, Number(last.headers['x-ratelimit-reset']) > 2 ** 32]).toEqual([429, true])
  })

  test('a look does not count', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(fastifyRateLimit, { global: false, max: 2, timeWindow: 1000, store: sluiceStore({ zone }) })
    const check = app.createRateLimit()
    app.get('/', async (request) => check(request))
    app.get('/look', async (request) => check(request, { increment: false }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await clientOf(app.server)
    const ask = async (path: string) => JSON.parse((await client.get(path)).text) as object
    expect(await ask('/look')).toMatchObject({ remaining: 2, ttl: 0, isExceeded: false })
    expect(await ask('/')).toMatchObject({ remaining: 1, isExceeded: false })
    clock.nowMs += 400
    for (let i = 0; i < 3; ++i) expect(await ask('/look')).toMatchObject({ remaining: 1, ttl: 600, isExceeded: false })
    clock.nowMs += 600
    expect(await ask('/look')).toMatchObject({ remaining: 2, ttl: 0 })
  })

  test('a look sees the window that the latest request has begun anew', async () => {
    for (const [option, ttl] of [
      ['continueExceeding', 900],
      ['exponentialBackoff', 1900],
    ] as const) {
      const app = Fastify()
      onTestFinished(() => app.close())
      const store = sluiceStore({ zone, name: option })
      await app.register(fastifyRateLimit, { global: false, max: 1, timeWindow: 1000, [option]: true, store })
      const check = app.createRateLimit()
      app.get('/', async (request) => check(request))
      app.get('/look', async (request) => check(request, { increment: false }))
      await app.listen({ port: 0, host: '127.0.0.1' })
      const client = await clientOf(app.server)
      const look = async () => JSON.parse((await client.get('/look')).text) as object
      for (let i = 0; i < 3; ++i) await client.get()
      clock.nowMs += 100
      for (let i = 0; i < 2; ++i) expect(await look()).toMatchObject({ remaining: 0, ttl, isExceeded: true })
      clock.nowMs += ttl
      expect(await look()).toMatchObject({ remaining: 1, ttl: 0, isExceeded: false })
    }
  })

  test('with continueExceeding the time is counted down until the limit is exceeded', async () => {
    const client = await serve({ max: 2, timeWindow: 3000, continueExceeding: true }, (app) => app.get('/', ok))
    const resets: unknown[] = []
    for (let i = 0; i < 4; ++i) {
      const { status, headers } = await client.get()
      resets.push([status, headers['x-ratelimit-reset']])
      clock.nowMs += 1000
    }
    expect(resets).toEqual([
      [200, '3'],
      [200, '2'],
      [429, '3'],
      [429, '3'],
    ])
  })

  test('one route may have a backoff, beside others without', async () => {
    const client = await serve({ max: 1, timeWindow: 1000 }, (app) => {
      app.get('/', ok)
      app.get('/a', limit({ max: 1, timeWindow: 1000, exponentialBackoff: true } as RateLimitOptions), ok)
    })
    const resets = async (path: string) => {
      const all: unknown[] = []
      for (let i = 0; i < 4; ++i) all.push((await client.get(path)).headers['x-ratelimit-reset'])
      return all
    }
    expect(await resets('/a')).toEqual(['1', '1', '2', '4'])
    expect(await resets('/')).toEqual(['1', '1', '1', '1'])
  })

  test('a HEAD that Fastify adds to a GET counts once, and apart', async () => {
    const client = await serve({ max: 9 }, (app) => app.get('/a', limit({ max: 2 }), ok))
    const head = async () => (await fetch(`http://127.0.0.1:${client.port}/a`, { method: 'HEAD' })).status
    expect([await head(), await head(), await head()]).toEqual([200, 200, 429])
    expect(await client.statuses(3, '/a')).toEqual([200, 200, 429])
  })

  test('a route that is not found can be limited', async () => {
    const client = await serve({ max: 9 }, (app) => {
      app.setNotFoundHandler(
        { preHandler: app.rateLimit({ max: 1 }) },
        (_request, reply) => void reply.code(404).send(),
      )
    })
    expect(await client.statuses(2, '/none')).toEqual([404, 429])
  })

  test('a zone that was closed is an error, unless that is to be skipped', async () => {
    const failing = await serve({ max: 1 }, (app) => app.get('/', ok))
    const passing = await serve({ max: 1, skipOnError: true }, (app) => app.get('/', ok))
    zone.close()
    expect(await failing.statuses(1)).toEqual([500])
    expect(await passing.statuses(2)).toEqual([200, 200])
  })

  test('registrations in one zone are kept apart by name', async () => {
    const client = await serve({ max: 1 }, (app) => {
      app.get('/', ok)
      void app.register(async (scope) => {
        await scope.register(fastifyRateLimit, { max: 1, store: sluiceStore({ zone, name: 'second' }) })
        scope.get('/second', ok)
      })
    })
    expect(await client.statuses(2)).toEqual([200, 429])
    expect(await client.statuses(1, '/second')).toEqual([429])
  })

  describe('a store', () => {
    test('counts from 1 and says so at once', () => {
      const store = new (sluiceStore({ zone }))({})
      const results: unknown[] = []
      for (let i = 0; i < 2; ++i) store.incr('k', (error, result) => results.push([error, result]), 1000, 5)
      expect(results).toEqual([
        [null, { current: 1, ttl: 1000 }],
        [null, { current: 2, ttl: 1000 }],
      ])
    })
  })
})
