// limit_req: request rate per key as a leaky bucket; all workers share the buckets through a zone. The declaration and its
// configuration are here, the words of the directives in directives.ts, what a request meets in handler.ts.

import { slotsFor } from '../../config/slots.ts'
import type { ZoneRequest } from '../../config/types.ts'
import { httpOwn } from '../../http/levels.ts'
import { defineModule, type Handler, HTTP, HTTP_SERVER_LOCATION, type HttpModule } from '../../http/module.ts'
import type { Value } from '../../http/value.ts'
import { readSlot } from '../../http/variables.ts'
import { ERROR, levelOfWord } from '../../log/levels.ts'
import { addon, type LimitReqZone } from '../../native/addon.ts'
import { addLimit, declareZone } from './directives.ts'
import { limitHandler } from './handler.ts'

/** What `limit_req_zone` says of a zone. The rate is not in shared memory: a reload changes it at once. */
export interface LimitReqZoneConf {
  readonly zone: ZoneRequest
  readonly key: Value
  /** Ticks per second; 1 tick = 1/1000 request. Never below 16 (1r/m). */
  readonly rate: number
}

/** One `limit_req` directive. Its zone may be declared behind it, hence only the request for the zone. */
export interface Limit {
  readonly zone: ZoneRequest
  /** Ticks. */
  readonly burst: number
  /** Ticks above which an accepted request waits; Infinity = nodelay. */
  readonly delay: number
}

export interface LimitReqConf {
  /** By zone name; filled at http level only. */
  zones: ReadonlyMap<string, LimitReqZoneConf>
  /** A level with limits of its own ignores its parent's. */
  limits: readonly Limit[]
  logLevel: 'info' | 'notice' | 'warn' | 'error'
  status: number
  dryRun: boolean
  /** Slot of the client's request where its verdict is kept; set at http level by every limit_req. */
  verdictSlot: number
}

const slot = slotsFor<LimitReqConf>()

export const limitReq: HttpModule<LimitReqConf> = defineModule<LimitReqConf>({
  name: 'limit_req',
  defaults: { zones: new Map(), limits: [], logLevel: 'error', status: 503, dryRun: false, verdictSlot: -1 },
  directives: {
    limit_req_zone: { in: HTTP, args: [3, 4], set: declareZone },
    limit_req: {
      in: HTTP_SERVER_LOCATION,
      args: [1, 3],
      set: (cf, own) => addLimit(cf, own, httpOwn<LimitReqConf>(cf, limitReq)),
    },
    limit_req_log_level: slot.oneOf(HTTP_SERVER_LOCATION, 'logLevel', ['info', 'notice', 'warn', 'error']),
    limit_req_status: slot.integer(HTTP_SERVER_LOCATION, 'status', { min: 400, max: 599 }),
    limit_req_dry_run: slot.flag(HTTP_SERVER_LOCATION, 'dryRun'),
  },
  // It belongs to the client's request: subrequests and redirected requests see what their main request met.
  variables: { limit_req_status: (r) => readSlot(r, r.conf(limitReq).verdictSlot) },
  phases: [{ at: 'preaccess', build }],
})

function build(conf: Readonly<LimitReqConf>): Handler | undefined {
  if (conf.limits.length === 0) return undefined
  const rules = conf.limits.map((limit) => ruleOf(conf, limit))
  // Native code fills it in every call; it is read before the next one, which cannot come in between.
  const result = new Float64Array(2)
  const check = addon.compileLimits(
    rules.map(({ zone, limit }) => ({
      zone: zone.zone.handle as LimitReqZone,
      rate: zone.rate,
      burst: limit.burst,
      delay: limit.delay,
      dryRun: conf.dryRun,
    })),
    result,
  )
  return limitHandler(
    rules.map(({ zone }) => ({ key: zone.key, zoneName: zone.zone.name })),
    check,
    result,
    { logLevel: levelOfWord(conf.logLevel) ?? ERROR, status: conf.status, dryRun: conf.dryRun },
    conf.verdictSlot,
  )
}

function ruleOf(conf: Readonly<LimitReqConf>, limit: Limit): { zone: LimitReqZoneConf; limit: Limit } {
  const zone = conf.zones.get(limit.zone.name)
  // The cycle refuses a zone that has no size, so every zone that gets here was declared and attached.
  if (zone?.zone.handle === undefined) throw new Error(`limit_req zone "${limit.zone.name}" is not attached`)
  return { zone, limit }
}
