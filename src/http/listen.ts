// The `listen` directive: address forms, parameters, and what a server block asks of an address. Several servers may name
// one address; addresses.ts joins them.

import type { ConfigCursor } from '../config/types.ts'
import { parseSize } from '../config/units.ts'

/** What one `listen` of one server says. */
export interface ListenSpec {
  readonly family: 'inet' | 'inet6' | 'unix'
  /** Text without brackets; the path of a unix socket. */
  readonly address: string
  readonly port: number
  /** `127.0.0.1:80`, `0.0.0.0:80`, `[::1]:80`, `unix:/path`. */
  readonly text: string
  readonly wildcard: boolean
  defaultServer: boolean
  ssl: boolean
  http2: boolean
  proxyProtocol: boolean
  /** Any socket option was given: the address gets a socket of its own and options may be given only once. */
  hasOptions: boolean
  bind: boolean
  backlog: number
  reuseport: boolean
  ipv6only: boolean
  rcvbuf: number
  sndbuf: number
  deferred: boolean
  fastopen: number
  keepalive: { idle: number; intvl: number; cnt: number } | boolean | undefined
}

/** nginx's default backlog on Linux. */
export const DEFAULT_BACKLOG = 511
const UNIX_PATH_MAX = 107

/** Parses `listen ARGS`; a name with several addresses, or a port range, gives several specs. */
export function parseListen(cf: ConfigCursor): ListenSpec[] {
  const text = cf.args[1] ?? ''
  const specs = parseAddress(cf, text)
  for (const parameter of cf.args.slice(2)) {
    for (const spec of specs) applyParameter(cf, spec, parameter)
  }
  return specs
}

/** The address of a server without `listen`: port 80 for root, 8000 for others. */
export function defaultListen(): ListenSpec {
  return makeSpec('inet', '0.0.0.0', process.getuid?.() === 0 ? 80 : 8000)
}

function makeSpec(family: ListenSpec['family'], address: string, port: number): ListenSpec {
  const text =
    family === 'unix' ? `unix:${address}` : family === 'inet6' ? `[${address}]:${port}` : `${address}:${port}`
  return {
    family,
    address,
    port,
    text,
    wildcard: address === '0.0.0.0' || address === '::',
    defaultServer: false,
    ssl: false,
    http2: false,
    proxyProtocol: false,
    hasOptions: false,
    bind: false,
    backlog: DEFAULT_BACKLOG,
    reuseport: false,
    ipv6only: true,
    rcvbuf: -1,
    sndbuf: -1,
    deferred: false,
    fastopen: -1,
    keepalive: undefined,
  }
}

function parseAddress(cf: ConfigCursor, text: string): ListenSpec[] {
  const fail = (reason: string): never => cf.fail(`${reason} in "${text}" of the "listen" directive`)
  if (text.startsWith('unix:')) {
    const path = text.slice(5)
    if (path === '') fail('no path in the unix domain socket')
    if (path.length > UNIX_PATH_MAX) fail('too long path in the unix domain socket')
    return [makeSpec('unix', path, 0)]
  }
  if (text.startsWith('[')) {
    const close = text.indexOf(']')
    if (close < 0) fail('invalid host')
    const address = text.slice(1, close)
    const rest = text.slice(close + 1)
    if (!isIPv6(address)) fail('invalid IPv6 address')
    if (rest !== '' && !rest.startsWith(':')) fail('invalid host')
    return ports(rest === '' ? '80' : rest.slice(1), fail).map((port) =>
      makeSpec('inet6', canonicalIPv6(address), port),
    )
  }
  const colon = text.lastIndexOf(':')
  const onlyPort = colon < 0 && /^\d+(-\d+)?$/.test(text)
  const host = onlyPort ? '*' : colon < 0 ? text : text.slice(0, colon)
  const portText = onlyPort ? text : colon < 0 ? '80' : text.slice(colon + 1)
  if (host === '') fail('no host')
  const list = ports(portText, fail)
  if (host === '*') return list.map((port) => makeSpec('inet', '0.0.0.0', port))
  if (isIPv4(host)) return list.map((port) => makeSpec('inet', host, port))
  const addresses = cf.resolveHost(host)
  if (addresses === undefined || addresses.length === 0) return fail('host not found')
  return list.flatMap((port) => addresses.map((a) => makeSpec(a.includes(':') ? 'inet6' : 'inet', a, port)))
}

function ports(text: string, fail: (reason: string) => never): number[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (match === null) return fail('invalid port')
  const first = Number(match[1])
  const last = match[2] === undefined ? first : Number(match[2])
  if (first < 1 || first > 65535 || last < 1 || last > 65535) return fail('invalid port')
  if (last < first) return fail('invalid port range')
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

function applyParameter(cf: ConfigCursor, spec: ListenSpec, parameter: string): void {
  const equals = parameter.indexOf('=')
  const name = equals < 0 ? parameter : parameter.slice(0, equals)
  const value = equals < 0 ? undefined : parameter.slice(equals + 1)
  const invalid = (): never => cf.fail(`invalid parameter "${parameter}"`)
  switch (name) {
    case 'default_server':
    case 'default':
      spec.defaultServer = true
      return
    case 'ssl':
      cf.fail('the "ssl" parameter is not supported yet')
      return
    case 'http2':
      cf.fail('the "http2" parameter is not supported yet')
      return
    case 'proxy_protocol':
      cf.fail('the "proxy_protocol" parameter is not supported yet')
      return
    case 'quic':
      cf.fail('the "quic" parameter is not supported')
      return
    default:
  }
  spec.hasOptions = true
  spec.bind = true
  switch (name) {
    case 'bind':
      return
    case 'backlog':
      spec.backlog = positive(cf, parameter, value, 'backlog')
      return
    case 'fastopen':
      spec.fastopen = positive(cf, parameter, value, 'fastopen')
      return
    case 'rcvbuf':
    case 'sndbuf': {
      const size = parseSize(value ?? '')
      if (size === undefined || size <= 0) cf.fail(`invalid ${name} value "${value ?? ''}"`)
      else spec[name] = size
      return
    }
    case 'deferred':
      spec.deferred = true
      return
    case 'ipv6only':
      if (value !== 'on' && value !== 'off') cf.fail(`invalid ipv6only flags "${value ?? ''}"`)
      if (spec.family !== 'inet6') cf.fail(`ipv6only is not supported on addr "${spec.text}", ignored`)
      spec.ipv6only = value === 'on'
      return
    case 'reuseport':
      if (value !== undefined) invalid()
      spec.reuseport = true
      return
    case 'so_keepalive':
      spec.keepalive = parseKeepalive(cf, value ?? '')
      return
    default:
      invalid()
  }
}

function positive(cf: ConfigCursor, parameter: string, value: string | undefined, name: string): number {
  if (value === undefined) return cf.fail(`invalid parameter "${parameter}"`)
  if (!/^\d+$/.test(value) || Number(value) === 0) return cf.fail(`invalid ${name} "${value}"`)
  return Number(value)
}

function parseKeepalive(cf: ConfigCursor, value: string): ListenSpec['keepalive'] {
  if (value === 'on') return true
  if (value === 'off') return false
  const parts = value.split(':')
  if (parts.length !== 3 || parts.every((part) => part === '')) return cf.fail(`invalid so_keepalive value: "${value}"`)
  const [idle, intvl, cnt] = parts.map((part) => (part === '' ? 0 : Number(part.replace(/s$/, '')))) as [
    number,
    number,
    number,
  ]
  if ([idle, intvl, cnt].some((n) => !Number.isInteger(n) || n < 0)) cf.fail(`invalid so_keepalive value: "${value}"`)
  return { idle, intvl, cnt }
}

export function isIPv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text)
}

export function isIPv6(text: string): boolean {
  try {
    return new URL(`http://[${text}]/`).hostname.length > 2
  } catch {
    return false
  }
}

function canonicalIPv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1)
}
