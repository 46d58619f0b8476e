// `sluice/express`: limits as middleware of Express 4 and 5.

import type { Request, RequestHandler, Response } from 'express'
import { connectMiddleware, type HttpRateLimitOptions, SERVER_RESPONSE } from './connect.ts'
import type { Framework } from './request_limit.ts'

export { type BinaryAddressOptions, binaryAddress, clientNetwork } from './client_network.ts'
export type { FieldsForm } from './fields.ts'

export type ExpressRateLimitOptions = HttpRateLimitOptions<Request, Response>

/**
 * @example
 * app.use(rateLimit({ zone, rate: '10r/s', burst: 20 }))
 *
 * @throws TypeError or RangeError for wrong options
 */
export function rateLimit(options: ExpressRateLimitOptions): RequestHandler {
  return connectMiddleware(options, EXPRESS)
}

const EXPRESS: Framework<Request, Response> = {
  ...SERVER_RESPONSE,
  // What request.ip says where nobody is trusted; but that takes half as long as all of the rest.
  addressOf: (request) => (trustsNobody(request) ? request.socket.remoteAddress : request.ip),
  hasUntrustedProxy: (request) => request.headers['x-forwarded-for'] !== undefined && trustsNobody(request),
  trustHint: "set Express's `trust proxy`",
}

function trustsNobody(request: Request): boolean {
  return request.app.get('trust proxy') === false
}
