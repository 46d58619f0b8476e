// The upstream's header fields on their way into our response (spec proxy.md §6), compiled per location: a table says by
// field id what happens; what simply passes is copied in runs, as the bytes it came in.

import { HTTP_2_0, type HttpRequest } from '../../http/request.ts'
import { WARN } from '../../log/levels.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import * as names from '../../net/header_names.ts'
import { cleanValue } from './clean.ts'
import type { ProxyConf } from './conf.ts'
import { type CookieRules, rewriteCookie } from './cookies.ts'
import { applyRedirects, type RedirectRule, redirectRefresh } from './redirect.ts'
import { ReplacedNames } from './request_lines.ts'

/** Moves the fields into r.out; status and content length are the caller's. */
export type FieldsMover = (r: HttpRequest, fields: HeaderFields) => void

// Values of the table.
const COPY = 0
const DROP = 1
const CONTENT_TYPE = 2
const LOCATION = 3
const REFRESH = 4
const COOKIE = 5
/** Copied; a second one is ignored. */
const SINGLE = 8
const UPGRADE = 9

/** Dropped unless proxy_pass_header names them. */
const HIDDEN = [
  'date',
  'server',
  'x-pad',
  'x-accel-expires',
  'x-accel-redirect',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
]
/** Between us and the upstream only. */
const HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length']

export function compileFields(conf: Readonly<ProxyConf>, redirects: readonly RedirectRule[]): FieldsMover {
  const passed = new Set(conf.passHeaders.map((name) => name.toLowerCase()))
  const hidden = [...HIDDEN, ...conf.hideHeaders.map((name) => name.toLowerCase())].filter((name) => !passed.has(name))
  const cookies: CookieRules = { domains: conf.cookieDomains, paths: conf.cookiePaths, flags: conf.cookieFlags }
  const rewritesCookies = [...cookies.domains, ...cookies.paths, ...cookies.flags].length > 0
  const table = compileTable(hidden, redirects.length > 0, rewritesCookies)
  const unknownHidden = hidden.filter((name) => names.headerId(name) === names.UNKNOWN)
  const hiddenNames = unknownHidden.length === 0 ? undefined : new ReplacedNames(unknownHidden)
  const passesServer = passed.has('server')
  const passesDate = passed.has('date')

  return (r, fields) => {
    const { out } = r
    const { count, text } = fields
    if (passesServer) out.server = ''
    if (passesDate) out.date = ''
    let lines = ''
    let runStart = 0
    let runEnd = 0
    for (let i = 0; i < count; i++) {
      const id = fields.id(i)
      const action = table[id] as number
      if (action === COPY || action === SINGLE) {
        if (action === SINGLE && isSecond(r, fields, id, i)) continue
        if (hiddenNames !== undefined && id === names.UNKNOWN && hiddenNames.has(fields, i)) continue
        const start = fields.lineStart(i)
        if (start !== runEnd || !fields.isCanonical(i)) {
          if (runEnd > runStart) lines += text.substring(runStart, runEnd)
          runStart = start
          runEnd = start
        }
        if (fields.isCanonical(i)) runEnd = fields.lineEnd(i)
        else lines += `${fields.name(i)}: ${fields.value(i)}\r\n`
        continue
      }
      if (action === DROP) continue
      if (action === CONTENT_TYPE) {
        if (!isSecond(r, fields, id, i)) out.contentType = fields.value(i)
        continue
      }
      // The rest is written anew: what was copied before it comes first.
      if (runEnd > runStart) lines += text.substring(runStart, runEnd)
      runStart = 0
      runEnd = 0
      lines += rewrittenLine(r, fields, i, id, action)
    }
    if (runEnd > runStart) lines += text.substring(runStart, runEnd)
    out.lines += lines
  }

  function rewrittenLine(r: HttpRequest, fields: HeaderFields, i: number, id: number, action: number): string {
    const value = fields.value(i)
    const name = fields.name(i)
    if (action === COOKIE) return `${name}: ${cleanValue(rewriteCookie(cookies, r, value))}\r\n`
    if (action === UPGRADE) return r.httpVersion >= HTTP_2_0 ? '' : `${name}: ${value}\r\n`
    if (isSecond(r, fields, id, i)) return ''
    if (action === LOCATION) {
      const target = applyRedirects(redirects, r, value)
      if (target === undefined) return `${name}: ${value}\r\n`
      if (!target.startsWith('/')) return `${name}: ${cleanValue(target)}\r\n`
      // Ours now, and absolute if absolute_redirect says so.
      r.out.location = cleanValue(target)
      return ''
    }
    return `${name}: ${cleanValue(redirectRefresh(redirects, r, value) ?? value)}\r\n`
  }
}

function compileTable(hidden: readonly string[], redirects: boolean, cookies: boolean): Uint8Array {
  const table = new Uint8Array(names.HEADER_IDS)
  for (const id of [names.STATUS, names.ETAG, names.LAST_MODIFIED, names.EXPIRES, names.LOCATION, names.REFRESH]) {
    table[id] = SINGLE
  }
  table[names.CONTENT_TYPE] = CONTENT_TYPE
  // Dropped below unless proxy_pass_header lets them through; then they keep their place.
  table[names.SERVER] = SINGLE
  table[names.DATE] = SINGLE
  table[names.UPGRADE] = UPGRADE
  if (redirects) {
    table[names.LOCATION] = LOCATION
    table[names.REFRESH] = REFRESH
  }
  if (cookies) table[names.SET_COOKIE] = COOKIE
  for (const name of [...hidden, ...HOP]) {
    const id = names.headerId(name)
    if (id !== names.UNKNOWN) table[id] = DROP
  }
  return table
}

/** True, and logged, when a field that may come once came before. */
function isSecond(r: HttpRequest, fields: HeaderFields, id: number, index: number): boolean {
  const first = fields.first(id)
  if (first === index) return false
  const line = `"${fields.name(index)}: ${fields.value(index)}"`
  const previous = `"${fields.name(first)}: ${fields.value(first)}"`
  r.log(WARN, `upstream sent duplicate header line: ${line}, previous value: ${previous}, ignored`)
  return true
}
