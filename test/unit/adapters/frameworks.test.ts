// What every adapter does alike, each through its own framework and real requests.

import { createServer, type Server } from 'node:http'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import Fastify, { type FastifyReply } from 'fastify'
import Koa from 'koa'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { rateLimit as expressLimit } from '../../../src/adapters/express.ts'
import { rateLimit as fastifyLimit } from '../../../src/adapters/fastify.ts'
import { rateLimit as httpLimit } from '../../../src/adapters/http.ts'
import { rateLimit as koaLimit } from '../../../src/adapters/koa.ts'
import type { RequestLimitOptions } from '../../../src/adapters/request_limit.ts'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import { type Client, clientOf, serve, testZone } from './harness.ts'

/** Options that mean the same to all; the functions look at the request's fields and address only. */
type Options = Omit<RequestLimitOptions<{ headers: Record<string, unknown>; url?: string | undefined }>, never>

interface Served extends Client {
  /** Requests that came through. */
  readonly served: () => number
}

type Serve = (options: Options, trustProxy?: boolean) => Promise<Served>

function expressServer(express: typeof express5): Serve {
  return async (options, trustProxy = false) => {
    const app = express()
    let served = 0
    if (trustProxy) app.set('trust proxy', true)
    app.use(expressLimit(options))
    app.use((_request, response) => {
      ++served
      response.send('ok')
    })
    return { ...(await serve(createServer(app))), served: () => served }
  }
}

function koaServer(app: Koa): Server {
  const callback = app.callback()
  return createServer((request, response) => void callback(request, response))
}

const frameworks: [string, Serve][] = [
  ['express 4', expressServer(express4 as typeof express5)],
  ['express 5', expressServer(express5)],
  [
    'fastify',
    async (options, trustProxy = false) => {
      const app = Fastify({ trustProxy })
      let served = 0
      onTestFinished(() => app.close())
      await app.register(fastifyLimit, options)
      app.get('/*', () => {
        ++served
        return 'ok'
      })
      await app.listen({ port: 0, host: '127.0.0.1' })
      return { ...(await clientOf(app.server)), served: () => served }
    },
  ],
  [
    'koa',
    async (options, trustProxy = false) => {
      const app = new Koa({ proxy: trustProxy })
      let served = 0
      app.use(koaLimit(options))
      app.use((ctx) => {
        ++served
        ctx.body = 'ok'
      })
      return { ...(await serve(koaServer(app))), served: () => served }
    },
  ],
  [
    'node:http',
    async (options) => {
      let served = 0
      const limited = httpLimit(options)
      const server = createServer((request, response) =>
        limited(request, response, (error) => {
          ++served
          response.statusCode = error === undefined ? 200 : 500
          response.end('ok')
        }),
      )
      return { ...(await serve(server)), served: () => served }
    },
  ],
]

describe.each(frameworks)('%s', (name, start) => {
  test('admits what rate and burst allow, refuses the rest and says when to come back', async () => {
    const client = await start({ zone: testZone(), name: 'api', rate: '600r/h', burst: 2 })
    expect(await client.statuses(3)).toEqual([200, 200, 200])
    const { status, headers, text } = await client.get()
    expect(status).toBe(429)
    expect(text).toContain('Too Many Requests')
    // A slow machine may take a second for it.
    expect(headers['retry-after']).toMatch(/^[56]$/)
    expect(headers['ratelimit-policy']).toBe('"api";q=3;w=18')
    expect(headers['ratelimit']).toBe(`"api";r=0;t=${headers['retry-after']}`)
    expect(client.served()).toBe(3)
  })

  test('tells how much is left with every answer', async () => {
    const client = await start({ zone: testZone(), name: 'api', rate: '1r/d', burst: 2, fields: 'draft-7' })
    const left: unknown[] = []
    for (let i = 0; i < 4; ++i) left.push((await client.get()).headers['ratelimit'])
    expect(left.map((value) => /remaining=(\d)/.exec(String(value))?.[1])).toEqual(['2', '1', '0', '0'])
  })

  test('sends no fields but Retry-After when told so, and answers with the given status', async () => {
    const client = await start({ zone: testZone(), rate: '60r/h', fields: false, status: 503, message: 'later' })
    expect(Object.keys((await client.get()).headers).filter((field) => field.includes('ratelimit'))).toEqual([])
    const { status, headers, text } = await client.get()
    expect([status, headers['retry-after']]).toEqual([503, '60'])
    expect(text).toContain('later')
  })

  test('takes the key, the cost and exceptions from functions', async () => {
    const header = (field: string) => (request: { headers: Record<string, unknown> }) => request.headers[field]
    const client = await start({
      zone: testZone(),
      rate: '1r/d',
      burst: 3,
      key: (request) => String(header('x-key')(request) ?? ''),
      cost: (request) => Number(header('x-cost')(request) ?? 1),
      skip: (request) => header('x-skip')(request) === 'yes',
    })
    expect(await client.statuses(2, '/', { 'x-key': 'a', 'x-cost': '3' })).toEqual([200, 429])
    expect(await client.statuses(2, '/', { 'x-key': 'b', 'x-cost': '2' })).toEqual([200, 200])
    expect(await client.statuses(2, '/', { 'x-key': 'a', 'x-cost': '3', 'x-skip': 'yes' })).toEqual([200, 200])
    expect(await client.statuses(9, '/')).toEqual(Array(9).fill(200))
  })

  test('lets a rate differ per key', async () => {
    const client = await start({
      zone: testZone(),
      rate: (key) => (key === 'gold' ? { requests: 1000, periodMs: 1 } : '1r/d'),
      key: (request) => String(request.headers['x-key']),
    })
    expect(await client.statuses(3, '/', { 'x-key': 'iron' })).toEqual([200, 429, 429])
    const gold = await client.get('/', { 'x-key': 'gold' })
    expect(gold.headers['ratelimit-policy']).toBe('"default";q=1;w=1')
    expect((await client.get('/', { 'x-key': 'iron' })).headers['ratelimit-policy']).toBe('"default";q=1;w=86400')
  })

  test('lets requests above `delay` wait', async () => {
    const client = await start({ zone: testZone(), rate: '20r/s', burst: 5, delay: 0 })
    const from = performance.now()
    expect(await Promise.all([client.get(), client.get(), client.get()].map(async (a) => (await a).status))).toEqual([
      200, 200, 200,
    ])
    expect(performance.now() - from).toBeGreaterThan(95)
  })

  test('does not serve a client that left while it had to wait', async () => {
    const zone = testZone()
    const client = await start({ zone, rate: '5r/s', burst: 9, delay: 0 })
    await client.get()
    const left = fetch(`http://127.0.0.1:${client.port}/`, { signal: AbortSignal.timeout(50) })
    await expect(left).rejects.toThrow()
    // Behind the one that left: when this is answered that one's time is over.
    expect((await client.get()).status).toBe(200)
    expect(client.served()).toBe(2)
  })

  test('believes X-Forwarded-For only when a proxy is trusted, and warns once if not', async () => {
    const from = (address: string) => ({ 'x-forwarded-for': address })
    const untrusting = await start({ zone: testZone(), rate: '1r/d' })
    expect(await untrusting.statuses(1, '/', from('192.0.2.1'))).toEqual([200])
    expect(await untrusting.statuses(1, '/', from('192.0.2.2'))).toEqual([429])
    if (name === 'node:http') return
    const trusting = await start({ zone: testZone(), rate: '1r/d' }, true)
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::1']) {
      expect(await trusting.statuses(2, '/', from(address))).toEqual([200, 429])
    }
    expect(await trusting.statuses(1, '/', from('2001:db8::ffff'))).toEqual([429])
    expect(await trusting.statuses(1, '/', from('::ffff:192.0.2.1'))).toEqual([429])
  })

  test('reports what a function of the user throws', async () => {
    const client = await start({
      zone: testZone(),
      rate: '1r/s',
      key: () => {
        throw new Error('no key')
      },
    })
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    onTestFinished(() => void vi.restoreAllMocks())
    expect((await client.get()).status).toBe(500)
  })

  test('skips what `skip` answers truly, and nothing for a promise', async () => {
    const skipping = (skip: unknown) => start({ zone: testZone(), rate: '1r/d', skip: skip as () => boolean })
    expect(await (await skipping(() => 'on the list')).statuses(2)).toEqual([200, 200])
    expect(await (await skipping(() => undefined)).statuses(2)).toEqual([200, 429])
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    onTestFinished(() => void vi.restoreAllMocks())
    expect(await (await skipping(async () => false)).statuses(1)).toEqual([500])
  })

  test.each([
    [{ rate: 'fast' }, 'invalid rate "fast"'],
    [{ rate: '1r/s', burst: -1 }, 'invalid burst -1'],
    [{ rate: '1r/s', status: 200 }, 'invalid status 200'],
    [{ rate: '1r/s', fields: 'draft-1' }, 'unknown form of fields "draft-1"'],
  ])('refuses %j at the start', async (wrong, text) => {
    await expect((async () => start({ zone: testZone(), ...wrong } as Options))()).rejects.toThrow(text)
  })
})

describe('the warning about an untrusted proxy', () => {
  test('comes once for a process, and not with a key of the user', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    onTestFinished(() => warn.mockRestore())
    vi.resetModules()
    const { rateLimit } = await import('../../../src/adapters/express.ts')
    const field = { 'x-forwarded-for': '192.0.2.1' }
    const start = async (options: object) => {
      const app = express5()
      app.use(rateLimit({ zone: testZone(), rate: '1r/d', ...options }))
      app.use((_request, response) => void response.send('ok'))
      return serve(createServer(app))
    }
    await (await start({ key: () => 'k' })).get('/', field)
    expect(warn.mock.calls.filter(isAboutProxy)).toHaveLength(0)
    const client = await start({})
    await client.get('/', {})
    expect(warn.mock.calls.filter(isAboutProxy)).toHaveLength(0)
    await client.statuses(3, '/', field)
    expect(warn.mock.calls.filter(isAboutProxy)).toHaveLength(1)
    expect(String(warn.mock.calls.find(isAboutProxy)?.[0])).toContain('`trust proxy`')
  })

  function isAboutProxy([, options]: unknown[]): boolean {
    return (options as { code?: string }).code === 'SLUICE_UNTRUSTED_PROXY'
  }
})

test('a zone of the proxy with a key that no adapter knows needs one', () => {
  const zone = openMemoryZone('uri', { state: '/nowhere/uri', key: '$uri' })
  onTestFinished(() => zone.unlink())
  expect(() => expressLimit({ zone, rate: '1r/s' })).toThrow('has the key "$uri" of the proxy: tell how to make it')
  expect(expressLimit({ zone, rate: '1r/s', key: (request) => request.path })).toBeTypeOf('function')
})

describe('handlers', () => {
  test('of Express answer refused requests', async () => {
    const app = express5()
    app.use(
      expressLimit({
        zone: testZone(),
        rate: '1r/m',
        handler: (_request, response, _next, result) => response.json({ retryAfterMs: result.retryAfterMs > 0 }),
      }),
    )
    app.use((_request, response) => void response.send('ok'))
    const client = await serve(createServer(app))
    await client.get()
    expect(await client.get()).toMatchObject({ status: 429, text: '{"retryAfterMs":true}' })
  })

  test('of Koa answer refused requests', async () => {
    const app = new Koa()
    app.use(
      koaLimit({
        zone: testZone(),
        rate: '1r/m',
        handler: (ctx) => {
          ctx.body = { slow: 'down' }
        },
      }),
    )
    app.use((ctx) => {
      ctx.body = 'ok'
    })
    const client = await serve(koaServer(app))
    await client.get()
    expect(await client.get()).toMatchObject({ status: 429, text: '{"slow":"down"}' })
  })

  test('of Fastify answer refused requests', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(fastifyLimit, {
      zone: testZone(),
      rate: '1r/m',
      handler: (_request, reply) => void reply.send({ slow: 'down' }),
    })
    app.get('/', () => 'ok')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await clientOf(app.server)
    await client.get()
    expect(await client.get()).toMatchObject({ status: 429, text: '{"slow":"down"}' })
  })
})

describe('an async handler', () => {
  const failing = async () => {
    await Promise.resolve()
    throw new Error('no answer')
  }

  test.each([
    ['Express 4', express4 as typeof express5],
    ['Express 5', express5],
  ])('of %s may fail', async (_name, express) => {
    const app = express()
    app.use(expressLimit({ zone: testZone(), rate: '1r/d', handler: failing }))
    app.use((_request, response) => void response.send('ok'))
    const failed: ErrorRequestHandler = (error: Error, _request, response, _next) =>
      void response.status(500).send(error.message)
    app.use(failed)
    const client = await serve(createServer(app))
    await client.get()
    expect(await client.get()).toMatchObject({ status: 500, text: 'no answer' })
  })

  test.each([
    ['fails', failing, { status: 500, text: 'no answer' }],
    ['returns its answer', async () => ({ slow: 'down' }), { status: 429, text: '{"slow":"down"}' }],
    [
      'returns the reply',
      async (_request: unknown, reply: FastifyReply) => reply.send('later'),
      { status: 429, text: 'later' },
    ],
  ])('of Fastify %s', async (_what, handler, answer) => {
    const app = Fastify()
    onTestFinished(() => app.close())
    app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send(error.message))
    await app.register(fastifyLimit, { zone: testZone(), rate: '1r/d', handler })
    app.get('/', () => 'ok')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = await clientOf(app.server)
    await client.get()
    expect(await client.get()).toMatchObject(answer)
  })
})

test('two limits of one chain are both told of', async () => {
  const zone = testZone()
  const app = express5()
  app.use(expressLimit({ zone, name: 'second', rate: '1r/s', burst: 5 }))
  app.use(expressLimit({ zone, name: 'hour', rate: '100r/h', burst: 99 }))
  app.use((_request, response) => void response.send('ok'))
  const { headers } = await (await serve(createServer(app))).get()
  expect(headers['ratelimit-policy']).toBe('"second";q=6;w=6, "hour";q=100;w=3600')
  expect(headers['ratelimit']).toBe('"second";r=5;t=1, "hour";r=99;t=36')
})

test('adapters of one zone and name share one limit', async () => {
  openMemoryZone('one-for-all')
  const options = { zone: openMemoryZone('one-for-all'), name: 'api', rate: '1r/d', burst: 1 }
  onTestFinished(() => options.zone.unlink())
  const statuses: number[] = []
  for (const [, start] of frameworks) statuses.push((await (await start(options)).get()).status)
  expect(statuses).toEqual([200, 200, 429, 429, 429])
})
