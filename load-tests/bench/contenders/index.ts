// All contenders, in the order of the report. A new one is a file here and its line below.

import { CADDY_PEER } from './caddy.ts'
import type { Contender } from './contender.ts'
import { HAPROXY_PEER } from './haproxy.ts'
import { NGINX_PEER, SLUICE } from './nginx_language.ts'
import { NODE_PEERS } from './node_peers.ts'

export const CONTENDERS: readonly Contender[] = [SLUICE, NGINX_PEER, HAPROXY_PEER, CADDY_PEER, ...NODE_PEERS]

/** The one that ratios are against. */
export const REFERENCE = NGINX_PEER
