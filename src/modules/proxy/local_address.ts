// proxy_bind: the address that connections to the upstream are made from.

import { isIP } from 'node:net'
import type { ConfigCursor } from '../../config/types.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue, type Value } from '../../http/value.ts'
import { ERROR } from '../../log/levels.ts'
import { parseHostText } from '../upstream/host_text.ts'

/** `proxy_bind ADDRESS` or `proxy_bind off`; undefined = off. */
export function compileBind(cf: ConfigCursor): Value | undefined {
  const [, text = '', mode] = cf.args
  if (mode !== undefined) {
    if (mode === 'transparent') cf.fail('parameter "transparent" is not supported yet')
    cf.fail(`invalid parameter "${mode}"`)
  }
  if (text === 'off') return undefined
  const value = compileValue(cf, text)
  if (value.constant !== undefined && addressOf(value.constant) === undefined) cf.fail(`invalid address "${text}"`)
  return value
}

/** Address for a request, with a port if one is asked for; '' = the system's choice. */
export function localAddress(bind: Value, r: HttpRequest): string {
  const text = bind.get(r)
  if (text === '') return ''
  const address = addressOf(text)
  if (address === undefined) r.log(ERROR, `invalid local address "${text}"`)
  return address ?? ''
}

/** `ADDRESS` or `ADDRESS:PORT`, IPv6 without port also bare; in the transport's form (`[::1]:80`, `::1`). */
function addressOf(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  // With `%` it names a zone of IPv6, which sockets do not know here, as in nginx.
  if (isIP(bare) !== 0 && !bare.includes('%')) return bare
  const place = parseHostText(text, 0)
  return typeof place !== 'string' && place.hasPort && isIP(place.host) !== 0 ? text : undefined
}
