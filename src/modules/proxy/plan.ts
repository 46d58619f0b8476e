// Everything about a location with proxy_pass that can be decided before its first request.

import type { ErrorPage } from '../../http/core_conf.ts'
import type { Location } from '../../http/location.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Value } from '../../http/value.ts'
import { http1Transport } from '../../upstream/http1/transport.ts'
import { loadHttp2Transport } from '../../upstream/http2/load.ts'
import type { Transport, TransportOptions } from '../../upstream/transport.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { GroupRegistry } from '../upstream/groups.ts'
import type { ProxyConf } from './conf.ts'
import type { ProxyPass, ProxyUrl } from './pass.ts'
import { defaultRedirect } from './redirect.ts'
import { compileLines, type LinesWriter } from './request_lines.ts'
import { compileFields, type FieldsMover } from './response_fields.ts'

export interface ProxyPlan {
  readonly pass: ProxyPass
  readonly conf: Readonly<ProxyConf>
  readonly groups: GroupRegistry
  /** Of a URL without variables. */
  readonly upstream: Upstream | undefined
  readonly transport: Transport
  readonly options: TransportOptions
  /** For https: the name that is told to the peer may be the request's. */
  readonly tlsOptions: (r: HttpRequest, url: ProxyUrl) => TransportOptions
  readonly method: Value | undefined
  readonly lines: LinesWriter
  readonly moveFields: FieldsMover
  /** Bytes read ahead of a client that is slower. */
  readonly readAhead: number
  readonly errorPages: readonly ErrorPage[]
}

export function compilePlan(
  pass: ProxyPass,
  location: Location,
  conf: Readonly<ProxyConf>,
  groups: GroupRegistry,
): ProxyPlan {
  const redirects = conf.redirects ?? [defaultRedirect(pass)].filter((rule) => rule !== undefined)
  const common = {
    connectTimeoutMs: conf.connectTimeout,
    sendTimeoutMs: conf.sendTimeout,
    readTimeoutMs: conf.readTimeout,
    headLimit: conf.bufferSize,
    protocol: `HTTP/${conf.httpVersion}`,
    tcpKeepAlive: conf.socketKeepalive,
  } as const
  return {
    pass,
    conf,
    groups,
    upstream: pass.reference?.group?.upstream,
    transport: conf.httpVersion === '2' ? loadHttp2Transport() : http1Transport,
    options: { ...common, tls: undefined },
    tlsOptions: compileTls(pass, conf, common),
    method: conf.method,
    lines: compileLines(conf),
    moveFields: compileFields(conf, redirects),
    readAhead: conf.buffers.count * conf.buffers.sizeBytes,
    errorPages: location.core.errorPages,
  }
}

/** Options tell kept connections apart, so there is one object for each name. */
const MAX_NAMES = 1000

/** SNI: off unless asked for, as in nginx; then proxy_ssl_name, or the host of the URL. */
function compileTls(
  { parsed }: ProxyPass,
  { sslServerName, sslName }: Readonly<ProxyConf>,
  common: Omit<TransportOptions, 'tls'>,
): (r: HttpRequest, url: ProxyUrl) => TransportOptions {
  const constant = sslServerName ? (sslName === undefined ? parsed?.place.host : sslName.constant) : ''
  if (constant !== undefined) {
    const options = { ...common, tls: { serverName: serverName(constant) } }
    return () => options
  }
  const byName = new Map<string, TransportOptions>()
  return (r, url) => {
    const name = serverName(sslName?.get(r) ?? url.place.host)
    let options = byName.get(name)
    if (options === undefined) {
      if (byName.size >= MAX_NAMES) byName.clear()
      options = { ...common, tls: { serverName: name } }
      byName.set(name, options)
    }
    return options
  }
}

/** An address is never a name, and what is none at all is not told. */
function serverName(text: string): string {
  return /^[\w.-]{1,253}$/.test(text) && !/^[0-9.]+$/.test(text) ? text : ''
}
