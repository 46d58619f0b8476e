// `sluice/http`: limits for plain node:http, and for whatever takes connect's `(req, res, next)`.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { connectMiddleware, type HttpRateLimit, type HttpRateLimitOptions, SERVER_RESPONSE } from './connect.ts'
import type { Framework } from './request_limit.ts'

export { type BinaryAddressOptions, binaryAddress, clientNetwork } from './client_network.ts'
export type { HttpRateLimit, HttpRateLimitOptions } from './connect.ts'
export type { FieldsForm } from './fields.ts'

/**
 * @example
 * const limited = rateLimit({ zone, rate: '10r/s', burst: 20 })
 * createServer((req, res) => limited(req, res, () => res.end('hello')))
 *
 * @throws TypeError or RangeError for wrong options
 */
export function rateLimit(options: HttpRateLimitOptions): HttpRateLimit<IncomingMessage, ServerResponse> {
  return connectMiddleware(options, PLAIN)
}

const PLAIN: Framework<IncomingMessage, ServerResponse> = {
  ...SERVER_RESPONSE,
  addressOf: (request) => request.socket.remoteAddress,
  hasUntrustedProxy: (request) => request.headers['x-forwarded-for'] !== undefined,
  trustHint: 'take the key from the field that your proxy sets: key: (req) => clientNetwork(req.headers[...])',
}
