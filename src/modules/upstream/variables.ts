// $upstream_* (spec proxy.md §11): lists over all tries, and the last response's own fields. Read from the text of the
// head, which costs nothing to keep; scanning it is left to those who ask.

import type { VariableGetter } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Try, UpstreamTries } from './tries.ts'

/** Finds the tries of a request; undefined when it never used an upstream. */
export type TriesOf = (r: HttpRequest) => UpstreamTries | undefined

/** A variable with one value per try. */
function perTry(triesOf: TriesOf, read: (one: Try) => string): VariableGetter {
  return (r) => {
    const tries = triesOf(r)
    const current = tries?.current
    if (tries === undefined || current === undefined) return undefined
    const { earlier } = tries
    const end = current.use < tries.use ? ' : ' : ''
    if (earlier === undefined) return read(current) + end
    let text = ''
    let use = 0
    for (const one of [...earlier, current]) {
      if (text !== '') text += one.use === use ? ', ' : ' : '
      text += read(one)
      use = one.use
    }
    return text + end
  }
}

/** Seconds with three digits, or `-`. */
function time(ms: number): string {
  if (ms < 0) return '-'
  const whole = Math.floor(ms)
  return `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, '0')}`
}

export function upstreamVariables(triesOf: TriesOf): Readonly<Record<string, VariableGetter>> {
  const list = (read: (one: Try) => string): VariableGetter => perTry(triesOf, read)
  return {
    upstream_addr: list(({ address }) => address),
    upstream_status: list(({ status }) => (status === 0 ? '-' : String(status).padStart(3, '0'))),
    upstream_connect_time: list(({ connectMs }) => time(connectMs)),
    upstream_header_time: list(({ headerMs }) => time(headerMs)),
    upstream_response_time: list(({ responseMs }) => time(responseMs)),
    upstream_response_length: list(({ bodyLength }) => String(bodyLength)),
    upstream_bytes_received: list(({ bytesReceived }) => String(bytesReceived)),
    upstream_bytes_sent: list(({ bytesSent }) => String(bytesSent)),
    // Nothing is cached, so there is never a status of it.
    upstream_cache_status: () => undefined,
  }
}

export function upstreamFamilies(triesOf: TriesOf): Readonly<Record<string, (suffix: string) => VariableGetter>> {
  return {
    upstream_http_: (suffix) => {
      const find = fieldFinder(suffix)
      return (r) => find(triesOf(r)?.headText ?? '')
    },
    upstream_trailer_: (suffix) => {
      const find = fieldFinder(suffix)
      return (r) => find(triesOf(r)?.trailers ?? '')
    },
    upstream_cookie_: (suffix) => {
      const pattern = new RegExp(`^set-cookie: *${literal(suffix)} *= *([^;\\r\\n]*)`, 'im')
      return (r) => pattern.exec(triesOf(r)?.headText ?? '')?.[1]?.replace(/ +$/, '')
    },
  }
}

/** Finds a field, written with `_` for `-`, in lines of a head; several are joined by `, `. */
function fieldFinder(suffix: string): (lines: string) => string | undefined {
  const name = literal(suffix).replaceAll('_', '[-_]')
  const pattern = new RegExp(`^${name}:[ ]*([^\\r\\n]*)`, 'gim')
  return (lines) => {
    let found: string | undefined
    for (const match of lines.matchAll(pattern)) {
      const value = (match[1] ?? '').replace(/ +$/, '')
      found = found === undefined ? value : `${found}, ${value}`
    }
    return found
  }
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
