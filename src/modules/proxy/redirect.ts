// proxy_redirect: Location and Refresh of the upstream's answers, mapped back to what the client knows.

import type { ConfigCursor } from '../../config/types.ts'
import { compileRegex } from '../../http/regex.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'
import type { ProxyConf } from './conf.ts'
import type { ProxyPass } from './pass.ts'

/** Returns the new text, or undefined when the rule does not match. */
export type RedirectRule = (r: HttpRequest, text: string) => string | undefined

/** `proxy_redirect default|off` or `proxy_redirect FROM TO`. `pass` is the location's proxy_pass so far. */
export function addRedirect(cf: ConfigCursor, own: Partial<ProxyConf>, pass: ProxyPass | undefined): void {
  const [, from = '', to] = cf.args
  if (own.redirects?.length === 0) cf.failDirective('is duplicate')
  if (to === undefined) {
    if (from === 'off') {
      if (own.redirects !== undefined) cf.failDirective('is duplicate')
      own.redirects = []
      return
    }
    if (from !== 'default') cf.fail(`invalid parameter "${from}"`)
    if (pass?.value !== undefined) {
      cf.fail('"proxy_redirect default" cannot be used with "proxy_pass" directive with variables')
    }
    const rule = pass === undefined ? undefined : defaultRedirect(pass)
    if (rule === undefined) cf.fail('"proxy_redirect default" should be placed after the "proxy_pass" directive')
    own.redirects = [...(own.redirects ?? []), rule]
    return
  }
  own.redirects = [...(own.redirects ?? []), compileRule(cf, from, to)]
}

function compileRule(cf: ConfigCursor, from: string, to: string): RedirectRule {
  if (from.startsWith('~')) {
    const caseless = from.startsWith('~*')
    const pattern = from.slice(caseless ? 2 : 1)
    if (pattern === '') cf.fail('empty regex in "proxy_redirect" directive')
    const regex = compileRegex(cf, pattern, caseless)
    const replacement = compileValue(cf, to)
    return (r, text) => {
      const match = regex.exec(text)
      if (match === null) return undefined
      r.captures = match
      return replacement.get(r)
    }
  }
  const prefix = compileValue(cf, from)
  const replacement = compileValue(cf, to)
  return (r, text) => {
    const start = prefix.get(r)
    return text.startsWith(start) ? replacement.get(r) + text.slice(start.length) : undefined
  }
}

/** The rule that stands for `default`; undefined when the URL is known at run time only. */
export function defaultRedirect(pass: ProxyPass): RedirectRule | undefined {
  if (pass.value !== undefined) return undefined
  const from = pass.uri === '' ? `${pass.url}/` : pass.url
  const to = pass.uri === '' ? '/' : pass.locationName
  return (_r, text) => (text.startsWith(from) ? to + text.slice(from.length) : undefined)
}

/** The first rule that matches decides. */
export function applyRedirects(rules: readonly RedirectRule[], r: HttpRequest, text: string): string | undefined {
  for (const rule of rules) {
    const result = rule(r, text)
    if (result !== undefined) return result
  }
  return undefined
}

/** The same for the URL in `Refresh: 5; url=...`; undefined = unchanged. */
export function redirectRefresh(rules: readonly RedirectRule[], r: HttpRequest, text: string): string | undefined {
  const at = text.toLowerCase().indexOf('url=')
  if (at < 0) return undefined
  const result = applyRedirects(rules, r, text.slice(at + 4))
  return result === undefined ? undefined : text.slice(0, at + 4) + result
}
