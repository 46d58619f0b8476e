// Limits as a middleware `(request, response, next)`, which Express and plain node:http share.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CheckResult } from '../limiter/types.ts'
import { nextAfter } from './delay.ts'
import { type Framework, RequestLimit, type RequestLimitOptions } from './request_limit.ts'

type Next = (error?: unknown) => void

export interface HttpRateLimitOptions<
  Request extends IncomingMessage = IncomingMessage,
  Response extends ServerResponse = ServerResponse,
> extends RequestLimitOptions<Request> {
  /**
   * Answers a refused request instead of the default; status and fields are set. If it is async, what it fails with goes to
   * `next`.
   */
  readonly handler?: (request: Request, response: Response, next: Next, result: CheckResult) => unknown
}

/** Calls `next` when the request may go on, later if it has to wait, and answers it otherwise. */
export type HttpRateLimit<Request, Response> = (request: Request, response: Response, next: Next) => void

/** How a node:http response takes fields. */
export const SERVER_RESPONSE = {
  set: (response: ServerResponse, name: string, value: string): void => void response.setHeader(name, value),
  append: (response: ServerResponse, name: string, value: string): void => void response.appendHeader(name, value),
}

/** The middleware of everything that speaks connect. */
export function connectMiddleware<Request extends IncomingMessage, Response extends ServerResponse>(
  options: HttpRateLimitOptions<Request, Response>,
  framework: Framework<Request, Response>,
): HttpRateLimit<Request, Response> {
  const limit = new RequestLimit(options, framework)
  const { handler } = options
  return (request, response, next) => {
    let result: CheckResult | undefined
    try {
      result = limit.check(request, response)
    } catch (error) {
      // From a function of the user's: key, cost, skip, rate.
      next(error)
      return
    }
    if (result === undefined || (result.allowed && result.delayMs === 0)) {
      next()
    } else if (result.allowed) {
      nextAfter(result.delayMs, response, next)
    } else {
      response.statusCode = limit.status
      if (handler === undefined) refuse(response, limit.message)
      else failTo(next, handler(request, response, next, result))
    }
  }
}

/** Without it the rejection of an async function would be nobody's, and end the process. */
function failTo(next: Next, returned: unknown): void {
  if (returned instanceof Promise) returned.catch(next)
}

function refuse(response: ServerResponse, message: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(message)
}
