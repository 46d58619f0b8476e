// Setters of the proxy directives that are more than one field.

import type { ConfigCursor, Context, Directive } from '../../config/types.ts'
import { compileValue } from '../../http/value.ts'
import {
  FAIL_ERROR,
  FAIL_HTTP_403,
  FAIL_HTTP_404,
  FAIL_HTTP_429,
  FAIL_HTTP_500,
  FAIL_HTTP_502,
  FAIL_HTTP_503,
  FAIL_HTTP_504,
  FAIL_INVALID_HEADER,
  FAIL_TIMEOUT,
  NON_IDEMPOTENT,
} from '../../upstream/transport.ts'
import {
  IGNORE_WITHOUT_EFFECT,
  IGNORE_X_ACCEL_BUFFERING,
  IGNORE_X_ACCEL_LIMIT_RATE,
  IGNORE_X_ACCEL_REDIRECT,
  type ProxyConf,
} from './conf.ts'
import { compileCookieFlags, compileCookieRule } from './cookies.ts'

/** `proxy_set_header NAME VALUE` */
export function addSetHeader(cf: ConfigCursor, own: Partial<ProxyConf>): void {
  const [, name = '', text = ''] = cf.args
  const header = { name, lowerName: name.toLowerCase(), value: compileValue(cf, text) }
  own.setHeaders = [...(own.setHeaders ?? []), header]
}

/** A directive whose one argument may have variables. */
export function setValue(cf: ConfigCursor, own: Partial<ProxyConf>, field: 'method' | 'setBody' | 'sslName'): void {
  if (own[field] !== undefined) cf.failDirective('is duplicate')
  own[field] = compileValue(cf, cf.args[1] ?? '')
}

export const NEXT_UPSTREAM: Readonly<Record<string, number>> = {
  error: FAIL_ERROR,
  timeout: FAIL_TIMEOUT,
  invalid_header: FAIL_INVALID_HEADER,
  non_idempotent: NON_IDEMPOTENT,
  http_500: FAIL_HTTP_500,
  http_502: FAIL_HTTP_502,
  http_503: FAIL_HTTP_503,
  http_504: FAIL_HTTP_504,
  http_403: FAIL_HTTP_403,
  http_404: FAIL_HTTP_404,
  http_429: FAIL_HTTP_429,
  // No failure has this bit; alone, it leaves nothing to try again for.
  off: 0x8000_0000,
}

/** `off` cancels all other words. */
export function setNextUpstream(cf: ConfigCursor, own: Partial<ProxyConf>): void {
  let mask = own.nextUpstream ?? 0
  for (const text of cf.args.slice(1)) {
    const bit = NEXT_UPSTREAM[text.toLowerCase()] ?? cf.fail(`invalid value "${text}"`)
    if ((mask & bit) !== 0) cf.warn(`duplicate value "${text}"`)
    mask |= bit
  }
  const off = NEXT_UPSTREAM['off'] as number
  own.nextUpstream = (mask & off) !== 0 ? off : mask
}

export const IGNORED_HEADERS: Readonly<Record<string, number>> = {
  'X-Accel-Redirect': IGNORE_X_ACCEL_REDIRECT,
  'X-Accel-Limit-Rate': IGNORE_X_ACCEL_LIMIT_RATE,
  'X-Accel-Buffering': IGNORE_X_ACCEL_BUFFERING,
  'X-Accel-Expires': IGNORE_WITHOUT_EFFECT,
  'X-Accel-Charset': IGNORE_WITHOUT_EFFECT << 1,
  Expires: IGNORE_WITHOUT_EFFECT << 2,
  'Cache-Control': IGNORE_WITHOUT_EFFECT << 3,
  'Set-Cookie': IGNORE_WITHOUT_EFFECT << 4,
  Vary: IGNORE_WITHOUT_EFFECT << 5,
}

/** `proxy_cookie_domain|_path FROM TO` or `... off` */
export function addCookieRule(cf: ConfigCursor, own: Partial<ProxyConf>, kind: 'domain' | 'path'): void {
  const field = kind === 'domain' ? 'cookieDomains' : 'cookiePaths'
  const rules = own[field]
  if (rules?.length === 0) cf.failDirective('is duplicate')
  if (cf.args.length === 2) {
    if (cf.args[1] !== 'off') cf.fail(`invalid parameter "${cf.args[1]}"`)
    if (rules !== undefined) cf.failDirective('is duplicate')
    own[field] = []
    return
  }
  own[field] = [...(rules ?? []), compileCookieRule(cf, kind)]
}

/** `proxy_cookie_flags COOKIE FLAG...` or `proxy_cookie_flags off` */
export function addCookieFlags(cf: ConfigCursor, own: Partial<ProxyConf>): void {
  if (own.cookieFlags?.length === 0) cf.failDirective('is duplicate')
  if (cf.args.length === 2) {
    if (cf.args[1] !== 'off') cf.fail(`invalid parameter "${cf.args[1]}"`)
    if (own.cookieFlags !== undefined) cf.failDirective('is duplicate')
    own.cookieFlags = []
    return
  }
  own.cookieFlags = [...(own.cookieFlags ?? []), compileCookieFlags(cf)]
}

/** Accepted with that value only: anything else would change what happens, and is not there yet. */
export function onlyValue(where: readonly Context[], value: string): Directive<ProxyConf> {
  return {
    in: where,
    args: [1, Number.POSITIVE_INFINITY],
    set(cf) {
      const given = cf.args.slice(1).join(' ')
      if (given.toLowerCase() !== value) cf.fail(`"${cf.args[0]} ${given}" is not supported yet`)
    },
  }
}

/** Accepted with any value: it tunes what sluice does not have. */
export function withoutEffect(where: readonly Context[]): Directive<ProxyConf> {
  return { in: where, args: [1, 4], set: () => {} }
}

/** nginx has it, sluice not yet. */
export function notYet(where: readonly Context[]): Directive<ProxyConf> {
  return {
    in: where,
    args: [0, Number.POSITIVE_INFINITY],
    set: (cf) => cf.fail(`"${cf.args[0]}" is not supported yet`),
  }
}
