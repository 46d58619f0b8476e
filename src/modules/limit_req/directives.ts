// limit_req_zone and limit_req, word by word in nginx's order: of several mistakes the same one is reported first, with
// the same text.

import type { ConfigCursor, ZoneRequest } from '../../config/types.ts'
import { parseInteger } from '../../config/units.ts'
import { httpLevel } from '../../http/levels.ts'
import { compileValue } from '../../http/value.ts'
import { parseZoneParameter } from '../zone_parameter.ts'
import type { Limit, LimitReqConf } from './index.ts'

/** Owner's name of the zones; a zone of another owner cannot be used. */
const ZONE_TAG = 'limit_req'
const TICKS_PER_REQUEST = 1000
/** What native code calculates with; nobody reaches it, and more means the same. */
const MAX_TICKS = 2 ** 53
/** What one native call can decide on; far above any sense, and every limit is a lock held. */
const MAX_LIMITS = 16

/**
 * `limit_req_zone KEY zone=NAME:SIZE rate=N[r/s|r/m] [state=PATH]`. The file of `state=` keeps the zone over restarts (in
 * /dev/shm) and reboots (on a disk); it belongs to the user of the master and to one zone alone. A reload may change the
 * size and the file: what the zone has counted goes over, as far as it fits, when the last old worker is gone,
 * and whoever else has the file open: a process of the library must be started anew.
 */
export function declareZone(cf: ConfigCursor, own: Partial<LimitReqConf>): void {
  const [directive = '', keyText = '', ...parameters] = cf.args
  const key = compileValue(cf, keyText)
  let name = ''
  let sizeBytes = 0
  let rate = TICKS_PER_REQUEST
  let statePath: string | undefined
  for (const parameter of parameters) {
    if (parameter.startsWith('zone=')) ({ name, sizeBytes } = parseZoneParameter(cf, parameter))
    else if (parameter.startsWith('rate=')) rate = parseRate(cf, parameter)
    else if (parameter.startsWith('state=')) statePath = parseStatePath(cf, parameter)
    else cf.fail(`invalid parameter "${parameter}"`)
  }
  if (name === '') cf.fail(`"${directive}" must have "zone" parameter`)

  const zone = cf.resources.zone(cf, name, sizeBytes, ZONE_TAG)
  if (zone.keyText !== undefined) cf.fail(`${directive} "${name}" is already bound to key "${zone.keyText}"`)
  zone.keyText = keyText
  if (statePath !== undefined) setStatePath(cf, zone, statePath)
  own.zones = new Map(own.zones).set(name, { zone, key, rate })
}

/** The file's full name. A relative one is in the prefix, as those of logs. */
function parseStatePath(cf: ConfigCursor, parameter: string): string {
  const path = parameter.slice('state='.length)
  if (path === '') cf.fail(`invalid state "${parameter}"`)
  return cf.fullName(path, 'prefix')
}

function setStatePath(cf: ConfigCursor, zone: ZoneRequest, path: string): void {
  for (const { name, statePath } of cf.resources.zones.values()) {
    if (statePath === path) cf.fail(`the state file "${path}" is already used by zone "${name}"`)
  }
  zone.statePath = path
}

/** Ticks per second. A number without unit is per second. */
function parseRate(cf: ConfigCursor, parameter: string): number {
  const [, digits = '', unit] = /^rate=(.*?)(r\/s|r\/m)?$/s.exec(parameter) ?? []
  const requests = parseInteger(digits)
  if (requests === undefined || requests === 0) cf.fail(`invalid rate "${parameter}"`)
  return Math.min(MAX_TICKS, Math.floor((requests * TICKS_PER_REQUEST) / (unit === 'r/m' ? 60 : 1)))
}

/** `limit_req zone=NAME [burst=N] [nodelay | delay=N]` */
export function addLimit(cf: ConfigCursor, own: Partial<LimitReqConf>, http: Partial<LimitReqConf>): void {
  let zone: Limit['zone'] | undefined
  let burst = 0
  let delay = 0
  for (const parameter of cf.args.slice(1)) {
    if (parameter.startsWith('zone=')) zone = cf.resources.zone(cf, parameter.slice('zone='.length), 0, ZONE_TAG)
    else if (parameter.startsWith('burst=')) burst = parseRequests(cf, parameter, 'burst')
    else if (parameter.startsWith('delay=')) delay = parseRequests(cf, parameter, 'delay')
    else if (parameter === 'nodelay') delay = Number.POSITIVE_INFINITY
    else cf.fail(`invalid parameter "${parameter}"`)
  }
  if (zone === undefined) cf.fail(`"${cf.args[0]}" must have "zone" parameter`)

  const limits = own.limits ?? []
  if (limits.some((limit) => limit.zone === zone)) cf.failDirective('is duplicate')
  if (limits.length === MAX_LIMITS) cf.fail(`more than ${MAX_LIMITS} "limit_req" directives at one level`)
  own.limits = [...limits, { zone, burst, delay }]
  // A slot and not state of the request: internal redirects clear that, and the verdict must outlive them.
  http.verdictSlot = httpLevel(cf).variables.slot('limit_req_status').slot
}

/** `burst=N` or `delay=N` in ticks; N is positive. */
function parseRequests(cf: ConfigCursor, parameter: string, name: 'burst' | 'delay'): number {
  const requests = parseInteger(parameter.slice(name.length + 1))
  if (requests === undefined || requests === 0) cf.fail(`invalid ${name} value "${parameter}"`)
  return Math.min(MAX_TICKS, requests * TICKS_PER_REQUEST)
}
