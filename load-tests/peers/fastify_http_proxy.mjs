// @fastify/http-proxy, with its undici pool; limits by @fastify/rate-limit in its own memory, logs by Fastify's pino.

import proxy from '@fastify/http-proxy'
import limit from '@fastify/rate-limit'
import fastify, { LogController } from 'fastify'
import { clientsClose, order, saysClose } from './order.mjs'

const { port, origin, accessLog, errorLog } = order
const log = accessLog ?? errorLog
const app = fastify({
  keepAliveTimeout: 3_600_000,
  requestTimeout: 0,
  // One line a request instead of Fastify's two, and none where none is wanted.
  logController: new LogController({ disableRequestLogging: true }),
  ...(log === null ? {} : { logger: { level: 'info', file: log } }),
})
if (accessLog !== null) {
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info({ req: request, res: reply, responseTime: reply.elapsedTime }, 'request completed')
    done()
  })
}
if (order.limit !== null) {
  await app.register(limit, {
    max: order.limit === 'passes' ? 1_000_000_000 : 1,
    timeWindow: '1 hour',
    errorResponseBuilder: () => Object.assign(new Error('limited'), { statusCode: 503 }),
    ...(errorLog === null ? {} : { onExceeded: (request) => request.log.error('limiting requests') }),
  })
}
await app.register(proxy, {
  upstream: origin,
  undici: { connections: 1024, pipelining: 1, keepAliveTimeout: 600_000 },
  ...(clientsClose ? { replyOptions: { rewriteHeaders: saysClose } } : {}),
  disableRequestLogging: true,
})
await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
