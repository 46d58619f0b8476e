// proxy_pass: the URL, when the configuration is read and, if it has variables, again for each request.

import type { ConfigCursor } from '../../config/types.ts'
import { type LocationLevel, locationLevel } from '../../http/levels.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue, type Value } from '../../http/value.ts'
import type { GroupRegistry, HostReference } from '../upstream/groups.ts'
import { type HostText, parseHostText } from '../upstream/host_text.ts'

/** A URL taken apart. */
export interface ProxyUrl {
  readonly tls: boolean
  readonly place: HostText
  /** Path and arguments as written; '' = none. */
  readonly uri: string
  /** $proxy_host: the port only if it is not the scheme's. */
  readonly hostText: string
  /** $proxy_port */
  readonly portText: string
}

export interface ProxyPass {
  /** As written. */
  readonly url: string
  /** URL of a proxy_pass without variables. */
  readonly parsed: ProxyUrl | undefined
  readonly reference: HostReference | undefined
  /** URL with variables. */
  readonly value: Value | undefined
  /** URI part of a URL without variables. */
  readonly uri: string
  /** Name of the location whose part of the URI is replaced. */
  readonly locationName: string
}

const HTTP_SCHEME = 'http://'
const HTTPS_SCHEME = 'https://'

/** Parses `url`; a string is what is wrong with it, in nginx's words. */
export function parseProxyUrl(url: string): ProxyUrl | string {
  const lower = url.slice(0, HTTPS_SCHEME.length).toLowerCase()
  const tls = lower === HTTPS_SCHEME
  if (!tls && !lower.startsWith(HTTP_SCHEME)) return 'invalid URL prefix'
  const rest = url.slice(tls ? HTTPS_SCHEME.length : HTTP_SCHEME.length)
  const defaultPort = tls ? 443 : 80
  if (rest.toLowerCase().startsWith('unix:')) {
    const colon = rest.indexOf(':', 'unix:'.length)
    const place = parseHostText(colon < 0 ? rest : rest.slice(0, colon), 0)
    if (typeof place === 'string') return `${place} in upstream "${rest}"`
    const uri = colon < 0 ? '' : rest.slice(colon + 1)
    return { tls, place, uri, hostText: 'localhost', portText: '' }
  }
  const end = rest.search(/[/?]/)
  const hostPart = end < 0 ? rest : rest.slice(0, end)
  const uri = end < 0 ? '' : rest.slice(end)
  const place = parseHostText(hostPart, defaultPort)
  if (typeof place === 'string') return `${place} in upstream "${rest}"`
  const bare = hostPart.startsWith('[') ? `[${place.host}]` : place.host
  return {
    tls,
    place,
    uri: uri.startsWith('?') ? `/${uri}` : uri,
    hostText: place.port === defaultPort ? bare : `${bare}:${place.port}`,
    portText: String(place.port),
  }
}

/** Reads the URL of a proxy_pass; registers its host unless it has variables. */
export function readPass(cf: ConfigCursor, groups: GroupRegistry): ProxyPass {
  const url = cf.args[1] ?? ''
  const level = locationLevel(cf)
  const named = namedLevel(level)
  const locationName = named?.name ?? ''
  const value = compileValue(cf, url)
  if (value.constant === undefined) {
    return { url, parsed: undefined, reference: undefined, value, uri: '', locationName }
  }
  const parsed = parseProxyUrl(url)
  if (typeof parsed === 'string') cf.fail(parsed)
  if (parsed.uri !== '' && (named !== level || level.kind === 'regex' || level.kind === 'named')) {
    cf.fail(
      '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, ' +
        'or inside "if" statement, or inside "limit_except" block',
    )
  }
  const reference: HostReference = {
    place: parsed.place,
    position: cf.position,
    resolve: (host) => cf.resolveHost(host),
    group: undefined,
  }
  groups.addReference(reference)
  return { url, parsed, reference, value: undefined, uri: parsed.uri, locationName }
}

/** The location that an `if` or `limit_except` stands in; itself for any other. */
function namedLevel(level: LocationLevel): LocationLevel | undefined {
  let at: unknown = level
  while (isLocationLevel(at)) {
    if (at.kind !== 'if' && at.kind !== 'limit_except') return at
    at = at.parent
  }
  return undefined
}

function isLocationLevel(level: unknown): level is LocationLevel {
  return typeof level === 'object' && level !== null && 'kind' in level
}

/** What proxy_pass means for a request. A string is an error for the log; the request ends with 500. */
export function evaluatePass(pass: ProxyPass, r: HttpRequest): ProxyUrl | string {
  if (pass.parsed !== undefined) return pass.parsed
  const url = pass.value?.get(r) ?? ''
  const parsed = parseProxyUrl(url)
  return parsed === 'invalid URL prefix' ? `invalid URL prefix in "${url}"` : parsed
}
