// limit_conn_zone and limit_conn, word by word in nginx's order: of several mistakes the same one is reported first, with
// the same text.

import type { ConfigCursor } from '../../config/types.ts'
import { parseInteger } from '../../config/units.ts'
import { httpLevel } from '../../http/levels.ts'
import { compileValue } from '../../http/value.ts'
import { parseZoneParameter } from '../zone_parameter.ts'
import type { LimitConnConf } from './index.ts'

/** Owner's name of the zones; a zone of another owner cannot be used. */
const ZONE_TAG = 'limit_conn'
/** nginx keeps the number in 16 bits. */
const MAX_CONNECTIONS = 65535
/** What one native call can decide on; far above any sense, and every limit is a lock held. */
const MAX_LIMITS = 16

/** `limit_conn_zone KEY zone=NAME:SIZE` */
export function declareZone(cf: ConfigCursor, own: Partial<LimitConnConf>): void {
  const [directive = '', keyText = '', parameter = ''] = cf.args
  const key = compileValue(cf, keyText)
  if (!parameter.startsWith('zone=')) cf.fail(`invalid parameter "${parameter}"`)
  const { name, sizeBytes } = parseZoneParameter(cf, parameter)
  if (name === '') cf.fail(`"${directive}" must have "zone" parameter`)

  const zone = cf.resources.zone(cf, name, sizeBytes, ZONE_TAG)
  if (zone.keyText !== undefined) cf.fail(`${directive} "${name}" is already bound to key "${zone.keyText}"`)
  zone.keyText = keyText
  own.zones = new Map(own.zones).set(name, { zone, key })
}

/** `limit_conn NAME N` */
export function addLimit(cf: ConfigCursor, own: Partial<LimitConnConf>, http: Partial<LimitConnConf>): void {
  const [directive = '', name = '', number = ''] = cf.args
  const zone = cf.resources.zone(cf, name, 0, ZONE_TAG)
  const limits = own.limits ?? []
  if (limits.some((limit) => limit.zone === zone)) cf.failDirective('is duplicate')
  const connections = parseInteger(number)
  if (connections === undefined || connections === 0) cf.fail(`invalid number of connections "${number}"`)
  if (connections > MAX_CONNECTIONS) cf.fail(`connection limit must be less ${MAX_CONNECTIONS + 1}`)
  if (limits.length === MAX_LIMITS) cf.fail(`more than ${MAX_LIMITS} "${directive}" directives at one level`)
  own.limits = [...limits, { zone, connections }]
  // A slot and not state of the request: internal redirects clear that, and the verdict must outlive them.
  http.verdictSlot = httpLevel(cf).variables.slot('limit_conn_status').slot
}
