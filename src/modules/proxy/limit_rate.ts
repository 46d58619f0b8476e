// proxy_limit_rate: how fast a response is read from the upstream. A read takes what has come, up to 64 kB; what is more than
// the rate allows waits here and the connection is not read meanwhile, so upstream and client see the rate.

import { Pacer } from '../../http/pacer.ts'
import type { HttpRequest } from '../../http/request.ts'
import { eventMs } from '../../log/clock.ts'
import type { ProxyPlan } from './plan.ts'

/** Undefined when the location has no rate. `onEmpty` is called when nothing waits any more; never after the request's end. */
export function paceUpstream(r: HttpRequest, plan: ProxyPlan, onEmpty: () => void): Pacer | undefined {
  const rate = plan.conf.limitRate?.(r) ?? 0
  if (rate === 0) return undefined
  const output = {
    bytesSent: 0,
    write(chunk: Buffer | string): boolean {
      this.bytesSent += chunk.length
      return r.stream.write(chunk)
    },
    flush: () => r.stream.flush(),
  }
  const pacer = new Pacer(output, rate, 0, eventMs(), onEmpty)
  // A connection's stream goes on to its next request: nothing may be written then.
  r.addCleanup(() => pacer.cancel())
  return pacer
}
