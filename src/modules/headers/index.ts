// headers: add_header, its inheritance, and expires. One header filter per location does what its configuration asks for;
// locations without either have none.

import { slotsFor } from '../../config/slots.ts'
import {
  type Context,
  defineModule,
  HTTP_SERVER_LOCATION,
  HTTP_SERVER_LOCATION_IF,
  type HttpModule,
} from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Value } from '../../http/value.ts'
import { addHeader, headerWriter } from './add_header.ts'
import { type Expires, expiresWriter, setExpires } from './expires.ts'

/** One add_header directive. */
export interface AddedHeader {
  readonly name: string
  readonly value: Value
  /** Without it only for the statuses of a fine answer (see SAFE_STATUSES). */
  readonly always: boolean
}

export interface HeadersConf {
  headers: readonly AddedHeader[]
  /** on: the parent's headers unless the level has its own; merge: its own, then the parent's; off: never the parent's. */
  inherit: 'on' | 'off' | 'merge'
  expires: Expires | undefined
}

const slot = slotsFor<HeadersConf>()
const WHERE: readonly Context[] = HTTP_SERVER_LOCATION_IF

export const headers: HttpModule<HeadersConf> = defineModule<HeadersConf>({
  name: 'headers',
  defaults: { headers: [], inherit: 'on', expires: undefined },
  merge,
  directives: {
    add_header: { in: WHERE, args: [2, 3], set: addHeader },
    add_header_inherit: slot.oneOf(HTTP_SERVER_LOCATION, 'inherit', ['on', 'off', 'merge']),
    expires: { in: WHERE, args: [1, 2], set: setExpires },
  },
  headerFilter: { build },
})

function merge(parent: Readonly<HeadersConf>, own: Partial<HeadersConf>): HeadersConf {
  const inherit = own.inherit ?? parent.inherit
  const mine = own.headers ?? []
  let inherited: readonly AddedHeader[] = []
  if (inherit === 'merge' || (inherit === 'on' && mine.length === 0)) inherited = parent.headers
  return { ...parent, ...own, headers: [...mine, ...inherited] }
}

/** Statuses that get headers without `always`: 200, 201, 204, 206 and the redirects. */
const SAFE_STATUSES = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])

function build(conf: Readonly<HeadersConf>): ((r: HttpRequest) => void) | undefined {
  const setTimes = expiresWriter(conf.expires)
  const writers = conf.headers.map((header) => ({ always: header.always, write: headerWriter(header) }))
  if (setTimes === undefined && writers.length === 0) return undefined
  return (r) => {
    if (r !== r.main) return
    const isSafe = SAFE_STATUSES.has(r.status)
    if (isSafe) setTimes?.(r)
    for (const { always, write } of writers) {
      if (isSafe || always) write(r)
    }
  }
}
