// upstream: groups of servers that requests are passed to, how their connections are kept, and the $upstream_* variables.
// Balancing is nginx's smooth weighted round robin; other methods and groups in shared memory are refused, not ignored.

import { slotsFor } from '../../config/slots.ts'
import type { ConfigCursor, Context, Directive } from '../../config/types.ts'
import { httpOwn } from '../../http/levels.ts'
import { defineModule, HTTP, type HttpModule } from '../../http/module.ts'
import { onShutdown } from '../../http/shutdown_hooks.ts'
import { drainIdleConnections } from '../../upstream/idle_connections.ts'
import { addServer, readUpstream, setKeepalive } from './directives.ts'
import { GroupRegistry } from './groups.ts'
import { keptTries, newTries, type UpstreamTries } from './tries.ts'
import { upstreamFamilies, upstreamVariables } from './variables.ts'

export interface UpstreamConf {
  /** Every group of the configuration; the same object at all levels. */
  groups: GroupRegistry | undefined
  // Of one upstream block.
  keepaliveSize: number
  keepaliveRequests: number
  keepaliveTime: number
  keepaliveTimeout: number
}

const UPSTREAM: readonly Context[] = ['upstream']
const slot = slotsFor<UpstreamConf>()

export const upstream: HttpModule<UpstreamConf, UpstreamTries> = defineModule<UpstreamConf, UpstreamTries>({
  name: 'upstream',
  defaults: {
    groups: undefined,
    keepaliveSize: 32,
    keepaliveRequests: 1000,
    keepaliveTime: 3_600_000,
    keepaliveTimeout: 60_000,
  },
  newState: newTries,
  directives: {
    upstream: { in: HTTP, args: 1, block: true, set: (cf) => readUpstream(cf, groupsOf(cf), upstream) },
    server: { in: UPSTREAM, args: [1, Number.POSITIVE_INFINITY], set: addServer },
    keepalive: { in: UPSTREAM, args: [1, 2], set: setKeepalive },
    keepalive_requests: slot.integer(UPSTREAM, 'keepaliveRequests'),
    keepalive_time: slot.timeMs(UPSTREAM, 'keepaliveTime'),
    keepalive_timeout: slot.timeMs(UPSTREAM, 'keepaliveTimeout'),
    zone: notYet(),
    ip_hash: notYet(),
    hash: notYet(),
    least_conn: notYet(),
    least_time: notYet(),
    random: notYet(),
    sticky: notYet(),
    resolver: notYet(),
    resolver_timeout: notYet(),
  },
  variables: upstreamVariables((r) => r.peekState(upstream) ?? keptTries(r)),
  variableFamilies: upstreamFamilies((r) => r.peekState(upstream) ?? keptTries(r)),
  init: (http) => http.groups?.link(),
})

onShutdown(drainIdleConnections)

/** The groups of the configuration being read. */
export function groupsOf(cf: ConfigCursor): GroupRegistry {
  const http = httpOwn<UpstreamConf>(cf, upstream)
  http.groups ??= new GroupRegistry()
  return http.groups
}

/** nginx has it, sluice not yet: saying so is better than balancing differently. */
function notYet(): Directive<UpstreamConf> {
  return {
    in: UPSTREAM,
    args: [0, Number.POSITIVE_INFINITY],
    set: (cf) => cf.fail(`"${cf.args[0]}" is not supported yet`),
  }
}
