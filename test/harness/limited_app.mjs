// An application as users write it, one process of several: / is behind a limit of sluice, /memory behind the limiter that
// the framework's users have, with its counts in memory. Fields of an answer tell which process decided, and when by the
// clock that all processes of the machine share. Whoever starts it sets FRAMEWORK, PORT, ZONE_DIR, LIMIT (JSON).

import { openZone } from 'sluice'

const { FRAMEWORK, PORT, ZONE_DIR, LIMIT } = process.env
const limit = { zone: openZone('cluster', { dir: ZONE_DIR }), name: FRAMEWORK, ...JSON.parse(LIMIT) }
const quota = limit.burst + 1
const WINDOW_MS = 3600 * 1000

const fields = () => ({ 'x-pid': String(process.pid), 'x-at-ms': String(process.hrtime.bigint() / 1_000_000n) })

const START = {
  async express() {
    const [{ default: express }, { rateLimit: peer }, { rateLimit }] = await Promise.all([
      import('express'),
      import('express-rate-limit'),
      import('sluice/express'),
    ])
    const app = express()
    const ok = (_request, response) => response.send('ok')
    app.use((_request, response, next) => {
      response.set(fields())
      next()
    })
    app.get('/up', ok)
    app.get('/', rateLimit(limit), ok)
    app.get('/memory', peer({ windowMs: WINDOW_MS, limit: quota }), ok)
    app.listen(PORT, '127.0.0.1')
  },

  async fastify() {
    const [{ default: Fastify }, { default: peer }, { rateLimit }] = await Promise.all([
      import('fastify'),
      import('@fastify/rate-limit'),
      import('sluice/fastify'),
    ])
    const app = Fastify()
    const ok = async () => 'ok'
    app.addHook('onRequest', async (_request, reply) => void reply.headers(fields()))
    app.get('/up', ok)
    app.register(async (scope) => {
      await scope.register(rateLimit, limit)
      scope.get('/', ok)
    })
    app.register(async (scope) => {
      await scope.register(peer, { max: quota, timeWindow: WINDOW_MS })
      scope.get('/memory', ok)
    })
    await app.listen({ port: PORT, host: '127.0.0.1' })
  },

  async koa() {
    const [{ default: Koa }, { rateLimit }] = await Promise.all([import('koa'), import('sluice/koa')])
    const app = new Koa()
    const limited = rateLimit(limit)
    app.use((ctx, next) => {
      ctx.set(fields())
      ctx.body = 'ok'
      return ctx.path === '/' ? limited(ctx, next) : next()
    })
    app.listen(PORT, '127.0.0.1')
  },
}

await START[FRAMEWORK]()
