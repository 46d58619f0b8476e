// A group of peers at run time: an `upstream` block, a plain host of proxy_pass, or a host that was resolved for one request.

import type { IdleConnections } from './idle_connections.ts'
import type { Balancer } from './peers.ts'

export interface Upstream {
  /** $upstream_addr of "no live upstreams". */
  readonly name: string
  readonly balancer: Balancer
  /** Connections to use again; undefined = none are kept. */
  readonly idle: IdleConnections | undefined
}
