// Everything about a location with proxy_pass that can be decided before its first request.

import type { ErrorPage } from '../../http/core_conf.ts'
import type { Location } from '../../http/location.ts'
import type { Value } from '../../http/value.ts'
import { http1Transport } from '../../upstream/http1/transport.ts'
import { loadHttp2Transport } from '../../upstream/http2/load.ts'
import type { Transport, TransportOptions } from '../../upstream/transport.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { GroupRegistry } from '../upstream/groups.ts'
import type { ProxyConf } from './conf.ts'
import type { ProxyPass } from './pass.ts'
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
  /** For a URL with variables that turns out to be https. */
  readonly tlsOptions: TransportOptions
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
  const tlsOptions: TransportOptions = { ...common, tls: { serverName: serverNameOf(pass, conf) } }
  return {
    pass,
    conf,
    groups,
    upstream: pass.reference?.group?.upstream,
    transport: conf.httpVersion === '2' ? loadHttp2Transport() : http1Transport,
    options: pass.parsed?.tls === true ? tlsOptions : { ...common, tls: undefined },
    tlsOptions,
    method: conf.method,
    lines: compileLines(conf),
    moveFields: compileFields(conf, redirects),
    readAhead: conf.buffers.count * conf.buffers.sizeBytes,
    errorPages: location.core.errorPages,
  }
}

/** SNI: off unless asked for, as in nginx; an address is never a name. */
function serverNameOf(pass: ProxyPass, conf: Readonly<ProxyConf>): string {
  if (!conf.sslServerName) return ''
  const name = conf.sslName?.constant ?? pass.parsed?.place.host ?? ''
  return /^[0-9.]+$|:/.test(name) ? '' : name
}
