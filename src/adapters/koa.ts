// `sluice/koa`: limits as middleware of Koa 2 and 3.

import type { Context, Middleware, Next } from 'koa'
import type { CheckResult } from '../limiter/types.ts'
import { nextAfter } from './delay.ts'
import { type Framework, RequestLimit, type RequestLimitOptions } from './request_limit.ts'

export { type BinaryAddressOptions, binaryAddress, clientNetwork } from './client_network.ts'
export type { FieldsForm } from './fields.ts'

export interface KoaRateLimitOptions extends RequestLimitOptions<Context> {
  /** Answers a refused request instead of the default; status and fields are set. */
  readonly handler?: (ctx: Context, next: Next, result: CheckResult) => unknown
}

/**
 * @example
 * app.use(rateLimit({ zone, rate: '10r/s', burst: 20 }))
 *
 * @throws TypeError or RangeError for wrong options
 */
export function rateLimit(options: KoaRateLimitOptions): Middleware {
  const limit = new RequestLimit<Context, Context>(options, KOA)
  const { handler } = options
  return (ctx, next) => {
    const result = limit.check(ctx, ctx)
    if (result === undefined || (result.allowed && result.delayMs === 0)) return next()
    if (result.allowed) return delayed(result.delayMs, ctx, next)
    ctx.status = limit.status
    if (handler !== undefined) return handler(ctx, next, result)
    ctx.body = limit.message
    return undefined
  }
}

const KOA: Framework<Context, Context> = {
  set: (ctx, name, value) => ctx.set(name, value),
  append: (ctx, name, value) => ctx.append(name, value),
  addressOf: (ctx) => ctx.ip,
  hasUntrustedProxy: (ctx) => ctx.headers['x-forwarded-for'] !== undefined && !ctx.app.proxy,
  trustHint: "set Koa's `app.proxy`",
}

function delayed(delayMs: number, ctx: Context, next: Next): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const left = () => resolve(undefined)
    nextAfter(delayMs, ctx.res, () => void next().then(resolve, reject), left)
  })
}
