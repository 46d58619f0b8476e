// proxy_cookie_domain, proxy_cookie_path and proxy_cookie_flags: attributes of Set-Cookie, rewritten.

import type { ConfigCursor } from '../../config/types.ts'
import { compileRegex } from '../../http/regex.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'

/** Returns the new value of the attribute, or undefined when the rule does not match. */
export type CookieRule = (r: HttpRequest, value: string) => string | undefined

/** What a flags rule asks for; undefined = leave as it is. */
interface Flags {
  readonly secure: boolean | undefined
  readonly httponly: boolean | undefined
  /** '' removes it. */
  readonly samesite: string | undefined
}

/** Returns the flags for a cookie of that name, or undefined. */
export type CookieFlagsRule = (r: HttpRequest, name: string) => Flags | undefined

/** `proxy_cookie_domain|_path FROM TO`: prefix (path), whole without a leading dot (domain), or `~regex`. */
export function compileCookieRule(cf: ConfigCursor, kind: 'domain' | 'path'): CookieRule {
  const [directive = '', from = '', to = ''] = cf.args
  if (from.startsWith('~')) {
    const caseless = from.startsWith('~*')
    const pattern = from.slice(caseless ? 2 : 1)
    if (pattern === '') cf.fail(`empty regex in "${directive}" directive`)
    // Domains are compared without case anyway.
    const regex = compileRegex(cf, pattern, caseless || kind === 'domain')
    const replacement = compileValue(cf, to)
    return (r, value) => {
      const match = regex.exec(value)
      if (match === null) return undefined
      r.captures = match
      return replacement.get(r)
    }
  }
  const wanted = compileValue(cf, from)
  const replacement = compileValue(cf, to)
  if (kind === 'domain') {
    // A dot in front says nothing about the domain; the cookie keeps the one it has.
    return (r, value) => {
      const domain = withoutDot(value)
      if (domain.toLowerCase() !== withoutDot(wanted.get(r)).toLowerCase()) return undefined
      return value.slice(0, value.length - domain.length) + withoutDot(replacement.get(r))
    }
  }
  return (r, value) => {
    const prefix = wanted.get(r)
    return value.startsWith(prefix) ? replacement.get(r) + value.slice(prefix.length) : undefined
  }
}

function withoutDot(domain: string): string {
  return domain.startsWith('.') ? domain.slice(1) : domain
}

const FLAG_WORDS: Readonly<Record<string, Partial<Flags>>> = {
  secure: { secure: true },
  nosecure: { secure: false },
  httponly: { httponly: true },
  nohttponly: { httponly: false },
  'samesite=strict': { samesite: 'Strict' },
  'samesite=lax': { samesite: 'Lax' },
  'samesite=none': { samesite: 'None' },
  nosamesite: { samesite: '' },
}

/** `proxy_cookie_flags COOKIE|~REGEX FLAG...`; flags may be variables. */
export function compileCookieFlags(cf: ConfigCursor): CookieFlagsRule {
  const [, cookie = '', ...words] = cf.args
  const matches = compileName(cf, cookie)
  const flags = words.map((word) => compileValue(cf, word))
  for (const { text, constant } of flags) {
    if (constant !== undefined && FLAG_WORDS[constant.toLowerCase()] === undefined) {
      cf.fail(`invalid parameter "${text}"`)
    }
  }
  return (r, name) => {
    if (!matches(r, name)) return undefined
    let result: Flags = { secure: undefined, httponly: undefined, samesite: undefined }
    for (const flag of flags) result = { ...result, ...FLAG_WORDS[flag.get(r).toLowerCase()] }
    return result
  }
}

function compileName(cf: ConfigCursor, text: string): (r: HttpRequest, name: string) => boolean {
  if (text.startsWith('~')) {
    if (text === '~') cf.fail('empty regex in "proxy_cookie_flags" directive')
    const regex = compileRegex(cf, text.slice(1), true)
    return (_r, name) => regex.test(name)
  }
  const wanted = compileValue(cf, text)
  return (r, name) => wanted.get(r).toLowerCase() === name.toLowerCase()
}

export interface CookieRules {
  readonly domains: readonly CookieRule[]
  readonly paths: readonly CookieRule[]
  readonly flags: readonly CookieFlagsRule[]
}

/** A Set-Cookie value with the rules applied; attributes are joined again by `; `. */
export function rewriteCookie(rules: CookieRules, r: HttpRequest, value: string): string {
  const [pair = '', ...attributes] = value.split(';').map((part) => part.trim())
  const rewritten = attributes.map((attribute) => {
    const equals = attribute.indexOf('=')
    if (equals < 0) return attribute
    const name = attribute.slice(0, equals).trimEnd().toLowerCase()
    const list = name === 'domain' ? rules.domains : name === 'path' ? rules.paths : []
    const old = attribute.slice(equals + 1).trimStart()
    for (const rule of list) {
      const result = rule(r, old)
      if (result !== undefined) return `${attribute.slice(0, equals + 1)}${result}`
    }
    return attribute
  })
  const flagged = applyFlags(rules.flags, r, pair, rewritten)
  const isSame = flagged.length === attributes.length && flagged.every((one, i) => one === attributes[i])
  return isSame ? value : [pair, ...flagged].join('; ')
}

function applyFlags(
  rules: readonly CookieFlagsRule[],
  r: HttpRequest,
  pair: string,
  attributes: string[],
): readonly string[] {
  const equals = pair.indexOf('=')
  const name = equals < 0 ? pair : pair.slice(0, equals)
  for (const rule of rules) {
    const flags = rule(r, name)
    if (flags === undefined) continue
    const has = (word: string): boolean => attributes.some((one) => attributeName(one) === word)
    const kept = attributes.filter((one) => {
      const word = attributeName(one)
      if (word === 'secure') return flags.secure !== false
      if (word === 'httponly') return flags.httponly !== false
      return word !== 'samesite' || flags.samesite === undefined
    })
    if (flags.secure === true && !has('secure')) kept.push('Secure')
    if (flags.httponly === true && !has('httponly')) kept.push('HttpOnly')
    if (flags.samesite !== undefined && flags.samesite !== '') kept.push(`SameSite=${flags.samesite}`)
    return kept
  }
  return attributes
}

function attributeName(attribute: string): string {
  const equals = attribute.indexOf('=')
  return (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase()
}
