// headers: add_header and add_trailer, their inheritance, and expires. One header filter per location does what its configuration asks for;
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
import { addLine, headerWriter, trailerWriter } from './add_header.ts'
import { type Expires, expiresWriter, setExpires } from './expires.ts'

/** One add_header or add_trailer directive. */
export interface AddedHeader {
  readonly name: string
  readonly value: Value
  /** Without it only for the statuses of a fine answer (see SAFE_STATUSES). */
  readonly always: boolean
}

/** on: the parent's lines unless the level has its own; merge: its own, then the parent's; off: never the parent's. */
type Inheritance = 'on' | 'off' | 'merge'

export interface HeadersConf {
  headers: readonly AddedHeader[]
  inherit: Inheritance
  trailers: readonly AddedHeader[]
  trailerInherit: Inheritance
  expires: Expires | undefined
}

const slot = slotsFor<HeadersConf>()
const WHERE: readonly Context[] = HTTP_SERVER_LOCATION_IF

export const headers: HttpModule<HeadersConf> = defineModule<HeadersConf>({
  name: 'headers',
  defaults: { headers: [], inherit: 'on', trailers: [], trailerInherit: 'on', expires: undefined },
  merge,
  directives: {
    add_header: { in: WHERE, args: [2, 3], set: (cf, own) => addLine(cf, own, 'headers') },
    add_header_inherit: slot.oneOf(HTTP_SERVER_LOCATION, 'inherit', ['on', 'off', 'merge']),
    add_trailer: { in: WHERE, args: [2, 3], set: (cf, own) => addLine(cf, own, 'trailers') },
    add_trailer_inherit: slot.oneOf(HTTP_SERVER_LOCATION, 'trailerInherit', ['on', 'off', 'merge']),
    expires: { in: WHERE, args: [1, 2], set: setExpires },
  },
  headerFilter: { build },
})

function merge(parent: Readonly<HeadersConf>, own: Partial<HeadersConf>): HeadersConf {
  const conf = { ...parent, ...own }
  return {
    ...conf,
    headers: inherit(conf.inherit, parent.headers, own.headers),
    trailers: inherit(conf.trailerInherit, parent.trailers, own.trailers),
  }
}

function inherit(
  how: Inheritance,
  parent: readonly AddedHeader[],
  own: readonly AddedHeader[] = [],
): readonly AddedHeader[] {
  return how === 'merge' || (how === 'on' && own.length === 0) ? [...own, ...parent] : own
}

/** Statuses that get headers without `always`: 200, 201, 204, 206 and the redirects. */
const SAFE_STATUSES = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])

function build(conf: Readonly<HeadersConf>): ((r: HttpRequest) => void) | undefined {
  const setTimes = expiresWriter(conf.expires)
  const writers = conf.headers.map((header) => ({ always: header.always, write: headerWriter(header) }))
  const askForTrailers = conf.trailers.length === 0 ? undefined : trailerWriter(conf.trailers)
  if (setTimes === undefined && askForTrailers === undefined && writers.length === 0) return undefined
  return (r) => {
    if (r !== r.main) return
    const isSafe = SAFE_STATUSES.has(r.status)
    if (isSafe) setTimes?.(r)
    for (const { always, write } of writers) {
      if (isSafe || always) write(r)
    }
    askForTrailers?.(r, isSafe)
  }
}
