// limit_rate: how fast a response may leave. Known with its first body bytes, since until then the request may still move to
// another location, an upstream may ask for a rate, or `set $limit_rate` may.

import { type PacedOutput, Pacer } from './pacer.ts'
import type { HttpRequest } from './request.ts'

/** Undefined when the response has no rate. `onEmpty` is the pacer's. */
export function paceResponse(r: HttpRequest, output: PacedOutput, onEmpty: () => void): Pacer | undefined {
  const { limitRate, limitRateAfter } = r.location.core
  if (r.limitRate < 0) {
    if (limitRate === undefined) return undefined
    r.limitRate = limitRate(r)
  }
  if (r.limitRate === 0) return undefined
  return new Pacer(output, r.limitRate, limitRateAfter?.(r) ?? 0, r.startMs, onEmpty)
}
