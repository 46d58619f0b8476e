// What a response says about a limit. The quota of a bucket is what it holds when full (burst + 1), its window the time
// in which an empty one fills, and its reset the time until it is full again; or, when nothing is left or a request was
// refused, until it has enough again: no draft wants a Retry-After that is earlier than the reset.

import type { TickRate } from '../limiter/rate.ts'
import type { CheckResult } from '../limiter/types.ts'

/**
 * - `draft-10`: `RateLimit-Policy: "api";q=100;w=60` and `RateLimit: "api";r=99;t=1`, the form of the IETF's draft since its
 *   eighth edition (draft-ietf-httpapi-ratelimit-headers-10)
 * - `draft-7`: `RateLimit-Policy: 100;w=60` and `RateLimit: limit=100, remaining=99, reset=1`
 * - `draft-6`: `RateLimit-Policy`, `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`
 * - `legacy`: `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset` (seconds since 1970)
 */
export type FieldsForm = 'draft-10' | 'draft-7' | 'draft-6' | 'legacy'

/** How a framework's response takes fields. `append` adds to a list that somebody else has begun. */
export interface FieldSink<Response> {
  readonly set: (response: Response, name: string, value: string) => void
  readonly append: (response: Response, name: string, value: string) => void
}

export type WriteFields<Response> = (response: Response, result: CheckResult, rate: TickRate, cost: number) => void

/** Of one limit. `cost` in requests. */
export function fieldsWriter<Response>(
  form: FieldsForm,
  limit: { readonly name: string; readonly burst: number },
  { set, append }: FieldSink<Response>,
): WriteFields<Response> {
  const quota = limit.burst + 1
  const windowSec = once((rate) => Math.ceil(fillMs(quota, rate) / 1000))
  switch (form) {
    case 'draft-10': {
      const name = quoted(limit.name)
      const policy = once((rate) => `${name};q=${quota};w=${windowSec(rate)}`)
      return (response, result, rate, cost) => {
        append(response, 'RateLimit-Policy', policy(rate))
        append(response, 'RateLimit', `${name};r=${result.remaining};t=${resetSec(result, rate, cost, limit.burst)}`)
      }
    }
    case 'draft-7': {
      const policy = once((rate) => `${quota};w=${windowSec(rate)}`)
      const head = `limit=${quota}, remaining=`
      return (response, result, rate, cost) => {
        set(response, 'RateLimit-Policy', policy(rate))
        set(response, 'RateLimit', `${head}${result.remaining}, reset=${resetSec(result, rate, cost, limit.burst)}`)
      }
    }
    case 'draft-6': {
      const policy = once((rate) => `${quota};w=${windowSec(rate)}`)
      return (response, result, rate, cost) => {
        set(response, 'RateLimit-Policy', policy(rate))
        set(response, 'RateLimit-Limit', `${quota}`)
        set(response, 'RateLimit-Remaining', `${result.remaining}`)
        set(response, 'RateLimit-Reset', `${resetSec(result, rate, cost, limit.burst)}`)
      }
    }
    case 'legacy':
      return (response, result, rate, cost) => {
        set(response, 'X-RateLimit-Limit', `${quota}`)
        set(response, 'X-RateLimit-Remaining', `${result.remaining}`)
        set(
          response,
          'X-RateLimit-Reset',
          `${Math.ceil(Date.now() / 1000) + resetSec(result, rate, cost, limit.burst)}`,
        )
      }
    default:
      throw new RangeError(`unknown form of fields "${form satisfies never}"`)
  }
}

/** Seconds for Retry-After, or undefined when waiting does not help. */
export function retryAfterSec(result: CheckResult): number | undefined {
  return Number.isFinite(result.retryAfterMs) ? Math.max(1, Math.ceil(result.retryAfterMs / 1000)) : undefined
}

/** Seconds, at least 1 where a client has to wait. */
function resetSec(result: CheckResult, rate: TickRate, cost: number, burst: number): number {
  const { allowed, remaining, excess } = result
  if (!allowed) {
    const retrySec = retryAfterSec(result)
    if (retrySec !== undefined) return retrySec
  } else if (remaining === 0) {
    return Math.max(1, Math.ceil(fillMs(excess + 1 - burst, rate) / 1000))
  }
  // What it owes, and the one request that an empty bucket gives for nothing.
  return Math.ceil(fillMs((allowed ? excess : excess - cost) + 1, rate) / 1000)
}

function fillMs(requests: number, rate: TickRate): number {
  return (requests * 1000 * rate.periodMs) / rate.ticks
}

/** Most limits have one rate: the text is made again only when it changes. */
function once<T>(make: (rate: TickRate) => T): (rate: TickRate) => T {
  let last: TickRate | undefined
  let value: T
  return (rate) => {
    if (rate !== last) {
      value = make(rate)
      last = rate
    }
    return value
  }
}

/** A string of structured fields: printable ASCII. */
function quoted(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
