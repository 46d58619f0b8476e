// limit_conn: how many requests may be under way at once per key, over all workers, through a zone. The declaration and
// its configuration are here, the words of the directives in directives.ts, what a request meets in handler.ts.

import { slotsFor } from '../../config/slots.ts'
import type { ZoneRequest } from '../../config/types.ts'
import { httpOwn } from '../../http/levels.ts'
import { defineModule, type Handler, HTTP, HTTP_SERVER_LOCATION, type HttpModule } from '../../http/module.ts'
import type { Value } from '../../http/value.ts'
import { readSlot } from '../../http/variables.ts'
import { ERROR, levelOfWord } from '../../log/levels.ts'
import { addon, type LimitConnZone } from '../../native/addon.ts'
import { addLimit, declareZone } from './directives.ts'
import { limitConnHandler } from './handler.ts'

/** What `limit_conn_zone` says of a zone. */
export interface LimitConnZoneConf {
  readonly zone: ZoneRequest
  readonly key: Value
}

/** One `limit_conn` directive. Its zone may be declared behind it, hence only the request for the zone. */
export interface ConnLimit {
  readonly zone: ZoneRequest
  /** 1 to 65535. */
  readonly connections: number
}

export interface LimitConnConf {
  /** By zone name; filled at http level only. */
  zones: ReadonlyMap<string, LimitConnZoneConf>
  /** A level with limits of its own ignores its parent's. */
  limits: readonly ConnLimit[]
  logLevel: 'info' | 'notice' | 'warn' | 'error'
  status: number
  dryRun: boolean
  /** Slot of the client's request where its verdict is kept; set at http level by every limit_conn. */
  verdictSlot: number
}

const slot = slotsFor<LimitConnConf>()

export const limitConn: HttpModule<LimitConnConf> = defineModule<LimitConnConf>({
  name: 'limit_conn',
  defaults: { zones: new Map(), limits: [], logLevel: 'error', status: 503, dryRun: false, verdictSlot: -1 },
  directives: {
    limit_conn_zone: { in: HTTP, args: 2, set: declareZone },
    limit_conn: {
      in: HTTP_SERVER_LOCATION,
      args: 2,
      set: (cf, own) => addLimit(cf, own, httpOwn<LimitConnConf>(cf, limitConn)),
    },
    limit_conn_log_level: slot.oneOf(HTTP_SERVER_LOCATION, 'logLevel', ['info', 'notice', 'warn', 'error']),
    limit_conn_status: slot.integer(HTTP_SERVER_LOCATION, 'status', { min: 400, max: 599 }),
    limit_conn_dry_run: slot.flag(HTTP_SERVER_LOCATION, 'dryRun'),
  },
  // It belongs to the client's request: subrequests and redirected requests see what their main request met.
  variables: { limit_conn_status: (r) => readSlot(r, r.conf(limitConn).verdictSlot) },
  phases: [{ at: 'preaccess', build }],
})

function build(conf: Readonly<LimitConnConf>): Handler | undefined {
  if (conf.limits.length === 0) return undefined
  const rules = conf.limits.map((limit) => ruleOf(conf, limit))
  // Native code fills it in every call that refuses; it is read before the next one, which cannot come in between.
  const result = new Int32Array(1)
  const acquire = addon.compileConnLimits(
    rules.map(({ zone, limit }) => ({
      zone: zone.zone.handle as LimitConnZone,
      connections: limit.connections,
      dryRun: conf.dryRun,
    })),
    result,
  )
  return limitConnHandler(
    rules.map(({ zone }) => ({ key: zone.key, zoneName: zone.zone.name })),
    { acquire, release: addon.releaseConnections, result },
    { logLevel: levelOfWord(conf.logLevel) ?? ERROR, status: conf.status, dryRun: conf.dryRun },
    conf.verdictSlot,
  )
}

function ruleOf(conf: Readonly<LimitConnConf>, limit: ConnLimit): { zone: LimitConnZoneConf; limit: ConnLimit } {
  const zone = conf.zones.get(limit.zone.name)
  // The cycle refuses a zone that has no size, so every zone that gets here was declared and attached.
  if (zone?.zone.handle === undefined) throw new Error(`limit_conn zone "${limit.zone.name}" is not attached`)
  return { zone, limit }
}
