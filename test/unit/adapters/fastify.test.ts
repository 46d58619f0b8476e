// What Fastify's adapter knows of scopes and routes.

import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type RateLimitError, rateLimit } from '../../../src/adapters/fastify.ts'
import { type Client, clientOf, testZone } from './harness.ts'

async function serve(build: (app: FastifyInstance) => unknown): Promise<Client> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await build(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return clientOf(app.server)
}

const ok = () => 'ok'

describe('a scope', () => {
  test('is limited as a whole, with the scopes inside; its siblings are not', async () => {
    const client = await serve(async (app) => {
      await app.register(async (scope) => {
        await scope.register(rateLimit, { zone: testZone(), rate: '1r/d', burst: 1 })
        scope.get('/in', ok)
        await scope.register(async (inner) => void inner.get('/inner', ok))
      })
      app.get('/out', ok)
    })
    expect(await client.statuses(1, '/in')).toEqual([200])
    expect(await client.statuses(2, '/inner')).toEqual([200, 429])
    expect(await client.statuses(3, '/out')).toEqual([200, 200, 200])
  })

  test('may have several limits, of which a route of its own needs none', async () => {
    const zone = testZone()
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone, name: 'day', rate: '1r/d', burst: 1 })
      await app.register(rateLimit, { zone, name: 'second', rate: '1000r/s', burst: 5 })
      app.get('/', ok)
      app.get('/own', { config: { sluice: { burst: 2, rate: '1r/d' } } }, ok)
      app.get('/free', { config: { sluice: false } }, ok)
    })
    expect((await client.get()).headers['ratelimit']).toBe('"day";r=1;t=86400, "second";r=5;t=1')
    expect(await client.statuses(2)).toEqual([200, 429])
    expect(await client.statuses(4, '/own')).toEqual([200, 200, 200, 429])
    expect((await client.get('/own')).headers['ratelimit']).toMatch(/^"second GET \/own";r=0;t=\d+$/)
    expect(await client.statuses(3, '/free')).toEqual([200, 200, 200])
  })

  test('inside takes its own limit instead', async () => {
    const zone = testZone()
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone, name: 'outer', rate: '1r/d' })
      app.get('/outer', ok)
      await app.register(async (scope) => {
        await scope.register(rateLimit, { zone, name: 'inner', rate: '1r/d', burst: 2 })
        scope.get('/inner', ok)
      })
    })
    expect(await client.statuses(4, '/inner')).toEqual([200, 200, 200, 429])
    expect(await client.statuses(2, '/outer')).toEqual([200, 429])
  })

  test('limits routes that were declared before the plugin was loaded, and requests for which there is no route', async () => {
    const client = await serve((app) => {
      void app.register(rateLimit, { zone: testZone(), rate: '1r/d', burst: 1 })
      app.get('/', ok)
    })
    expect(await client.statuses(1)).toEqual([200])
    expect(await client.statuses(2, '/none')).toEqual([404, 429])
  })
})

describe('a route', () => {
  test('has counts of its own when it says something of its limit', async () => {
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d', burst: 1 })
      app.get('/', ok)
      app.get('/costly', { config: { sluice: { burst: 0 } } }, ok)
      app.get('/wide', { config: { sluice: { burst: 2, status: 503 } } }, ok)
    })
    expect(await client.statuses(2, '/costly')).toEqual([200, 429])
    expect(await client.statuses(4, '/wide')).toEqual([200, 200, 200, 503])
    expect(await client.statuses(3)).toEqual([200, 200, 429])
  })

  test('has them for itself, also where it shares its config with others', async () => {
    const strict = { sluice: { burst: 0 } }
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d', burst: 5 })
      for (const url of ['/login', '/signup']) app.get(url, { config: strict }, ok)
    })
    expect(await client.statuses(2, '/login')).toEqual([200, 429])
    expect(await client.statuses(2, '/signup')).toEqual([200, 429])
  })

  test('says anew which requests wait, whatever its scope says, and the scopes around that', async () => {
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d', nodelay: true })
      app.get('/same', { config: { sluice: { burst: 1, delay: 1 } } }, ok)
      await app.register(async (scope) => {
        await scope.register(rateLimit, { zone: testZone(), rate: '1r/d', delay: 0 })
        scope.get('/inner', { config: { sluice: { burst: 1, nodelay: true } } }, ok)
      })
    })
    expect(await client.statuses(3, '/same')).toEqual([200, 200, 429])
    expect(await client.statuses(3, '/inner')).toEqual([200, 200, 429])
  })

  test('may have any url', async () => {
    const urls = ['a', 'b'].map((end) => `/${'long'.repeat(80)}${end}`)
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
      for (const url of urls) app.get(url, { config: { sluice: { burst: 0 } } }, ok)
    })
    for (const url of urls) expect(await client.statuses(2, url)).toEqual([200, 429])
  })

  test('is limited by the registration of its scope, and by no other', async () => {
    const outer = testZone()
    const inner = testZone()
    await serve(async (app) => {
      await app.register(rateLimit, { zone: outer, rate: '1r/d' })
      await app.register(async (scope) => {
        await scope.register(rateLimit, { zone: inner, rate: '1r/d' })
        scope.get('/inner', { config: { sluice: { burst: 1 } } }, ok)
      })
    })
    // The name is free in the one zone and taken in the other.
    expect(() => outer.window({ name: 'default GET /inner', windowMs: 1 })).not.toThrow()
    expect(() => inner.window({ name: 'default GET /inner', windowMs: 1 })).toThrow('is a limit')
  })

  test('may share them under a name', async () => {
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
      for (const url of ['/a', '/b']) app.get(url, { config: { sluice: { name: 'both', burst: 1 } } }, ok)
    })
    expect(await client.statuses(1, '/a')).toEqual([200])
    expect(await client.statuses(2, '/b')).toEqual([200, 429])
  })

  test('shares them between GET and the HEAD that Fastify adds', async () => {
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
      app.get('/', { config: { sluice: { burst: 1 } } }, ok)
    })
    const head = async () => (await fetch(`http://127.0.0.1:${client.port}/`, { method: 'HEAD' })).status
    expect([await head(), ...(await client.statuses(1)), await head()]).toEqual([200, 200, 429])
  })

  test('may be free of limits', async () => {
    const client = await serve(async (app) => {
      await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
      app.get('/', { config: { sluice: false } }, ok)
    })
    expect(await client.statuses(3)).toEqual([200, 200, 200])
  })

  test('with a wrong limit is an error at the start', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
    expect(() => app.get('/', { config: { sluice: { rate: 'often' } } }, ok)).toThrow('invalid rate "often"')
  })
})

test('a refused request is an error of the scope’s error handler', async () => {
  const client = await serve(async (app) => {
    app.setErrorHandler<RateLimitError>((error, _request, reply) =>
      reply.code(error.statusCode).send({ code: error.code, sec: Math.ceil(error.result.retryAfterMs / 3_600_000) }),
    )
    await app.register(rateLimit, { zone: testZone(), rate: '1r/d' })
    app.get('/', ok)
  })
  await client.get()
  expect(await client.get()).toMatchObject({ status: 429, text: '{"code":"SLUICE_RATE_LIMITED","sec":24}' })
})

test('a later hook knows what earlier ones found out', async () => {
  const client = await serve(async (app) => {
    app.decorateRequest('user', '')
    app.addHook('onRequest', async (request) => {
      Object.assign(request, { user: request.headers['x-user'] })
    })
    await app.register(rateLimit, {
      zone: testZone(),
      rate: '1r/d',
      hook: 'preHandler',
      key: (request) => (request as unknown as { user: string }).user,
    })
    app.get('/', ok)
  })
  expect(await client.statuses(2, '/', { 'x-user': 'a' })).toEqual([200, 429])
  expect(await client.statuses(1, '/', { 'x-user': 'b' })).toEqual([200])
})
