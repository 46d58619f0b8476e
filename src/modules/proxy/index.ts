// proxy: passes requests to an upstream over HTTP and its answers back. The declaration is here; pass.ts reads the URL,
// plan.ts compiles a location, proxied_request.ts is the life of a request.

import { slotsFor } from '../../config/slots.ts'
import type { ConfigCursor, Context } from '../../config/types.ts'
import { locationLevel, maybeLocationLevel } from '../../http/levels.ts'
import { defineModule, HTTP_SERVER_LOCATION, type HttpModule } from '../../http/module.ts'
import { sizeValueDirective } from '../../http/size_value.ts'
import { hashName, X_FORWARDED_FOR } from '../../net/header_names.ts'
import { groupsOf } from '../upstream/index.ts'
import { mergeProxy, PROXY_DEFAULTS, type ProxyConf } from './conf.ts'
import {
  addCookieFlags,
  addCookieRule,
  addSetHeader,
  IGNORED_HEADERS,
  notYet,
  onlyValue,
  setNextUpstream,
  setValue,
  withoutEffect,
} from './directives.ts'
import { compileBind } from './local_address.ts'
import { type ProxyPass, readPass } from './pass.ts'
import { compilePlan } from './plan.ts'
import { ProxiedRequest } from './proxied_request.ts'
import { addRedirect } from './redirect.ts'

const WHERE: readonly Context[] = HTTP_SERVER_LOCATION
const slot = slotsFor<ProxyConf>()

export const proxy: HttpModule<ProxyConf, ProxiedRequest> = defineModule<ProxyConf, ProxiedRequest>({
  name: 'proxy',
  defaults: PROXY_DEFAULTS,
  merge: mergeProxy,
  newState: (r) => new ProxiedRequest(r),
  directives: {
    proxy_pass: { in: ['location', 'if_location', 'limit_except'], args: 1, set: setPass },

    // The request.
    proxy_http_version: slot.oneOf(WHERE, 'httpVersion', ['1.0', '1.1', '2']),
    proxy_method: { in: WHERE, args: 1, set: (cf, own) => setValue(cf, own, 'method') },
    proxy_set_header: { in: WHERE, args: 2, set: addSetHeader },
    proxy_set_body: { in: WHERE, args: 1, set: (cf, own) => setValue(cf, own, 'setBody') },
    proxy_pass_request_headers: slot.flag(WHERE, 'passRequestHeaders'),
    proxy_pass_request_body: slot.flag(WHERE, 'passRequestBody'),
    proxy_request_buffering: slot.flag(WHERE, 'requestBuffering'),
    proxy_headers_hash_max_size: withoutEffect(WHERE),
    proxy_headers_hash_bucket_size: withoutEffect(WHERE),

    // Connections and tries.
    proxy_connect_timeout: slot.timeMs(WHERE, 'connectTimeout'),
    proxy_send_timeout: slot.timeMs(WHERE, 'sendTimeout'),
    proxy_read_timeout: slot.timeMs(WHERE, 'readTimeout'),
    proxy_next_upstream: { in: WHERE, args: [1, Number.POSITIVE_INFINITY], set: setNextUpstream },
    proxy_next_upstream_tries: slot.integer(WHERE, 'nextUpstreamTries'),
    proxy_next_upstream_timeout: slot.timeMs(WHERE, 'nextUpstreamTimeout'),
    proxy_ignore_client_abort: slot.flag(WHERE, 'ignoreClientAbort'),
    proxy_socket_keepalive: slot.flag(WHERE, 'socketKeepalive'),
    proxy_bind: { in: WHERE, args: [1, 2], set: setBind },
    proxy_send_lowat: withoutEffect(WHERE),
    proxy_socket_rcvbuf: notYet(WHERE),
    proxy_socket_sndbuf: notYet(WHERE),

    // The response.
    proxy_buffering: slot.flag(WHERE, 'buffering'),
    proxy_buffer_size: slot.size(WHERE, 'bufferSize'),
    proxy_buffers: slot.bufs(WHERE, 'buffers'),
    proxy_busy_buffers_size: slot.size(WHERE, 'busyBuffersSize'),
    // There are no temporary files: a client that is slower holds the upstream back when the buffers are full.
    proxy_max_temp_file_size: slot.size(WHERE, 'maxTempFileSize'),
    proxy_temp_file_write_size: slot.size(WHERE, 'tempFileWriteSize'),
    proxy_temp_path: withoutEffect(WHERE),
    proxy_intercept_errors: slot.flag(WHERE, 'interceptErrors'),
    proxy_hide_header: slot.list(WHERE, 'hideHeaders'),
    proxy_pass_header: slot.list(WHERE, 'passHeaders'),
    proxy_ignore_headers: slot.bitmask(WHERE, 'ignoreHeaders', IGNORED_HEADERS),
    proxy_redirect: { in: WHERE, args: [1, 2], set: (cf, own) => addRedirect(cf, own, passOf(cf)) },
    proxy_cookie_domain: { in: WHERE, args: [1, 2], set: (cf, own) => addCookieRule(cf, own, 'domain') },
    proxy_cookie_path: { in: WHERE, args: [1, 2], set: (cf, own) => addCookieRule(cf, own, 'path') },
    proxy_cookie_flags: { in: WHERE, args: [1, 4], set: addCookieFlags },
    proxy_pass_trailers: onlyValue(WHERE, 'off'),
    proxy_force_ranges: onlyValue(WHERE, 'off'),
    proxy_limit_rate: sizeValueDirective<ProxyConf>(WHERE, 'limitRate'),
    proxy_store: onlyValue(WHERE, 'off'),
    proxy_store_access: withoutEffect(WHERE),

    // TLS: certificates are not verified, which is nginx's default as well.
    proxy_ssl_server_name: slot.flag(WHERE, 'sslServerName'),
    proxy_ssl_name: { in: WHERE, args: 1, set: (cf, own) => setValue(cf, own, 'sslName') },
    proxy_ssl_verify: onlyValue(WHERE, 'off'),
    proxy_ssl_session_reuse: withoutEffect(WHERE),
    proxy_ssl_certificate: notYet(WHERE),
    proxy_ssl_certificate_key: notYet(WHERE),
    proxy_ssl_password_file: notYet(WHERE),
    proxy_ssl_trusted_certificate: notYet(WHERE),
    proxy_ssl_crl: notYet(WHERE),
    proxy_ssl_ciphers: notYet(WHERE),
    proxy_ssl_protocols: notYet(WHERE),
    proxy_ssl_verify_depth: notYet(WHERE),
    proxy_ssl_conf_command: notYet(WHERE),

    proxy_cache: onlyValue(WHERE, 'off'),
    proxy_cache_path: notYet(['http']),
  },
  variables: {
    proxy_host: (r) => r.peekState(proxy)?.proxyHost || undefined,
    proxy_port: (r) => r.peekState(proxy)?.proxyPort,
    proxy_add_x_forwarded_for: (r) => {
      const { fields } = r
      if (fields.first(X_FORWARDED_FOR) < 0) return r.remoteAddr
      return `${fields.joined('x-forwarded-for', FORWARDED_HASH, ', ')}, ${r.remoteAddr}`
    },
  },
})

const FORWARDED_HASH = hashName('x-forwarded-for')

/** proxy_pass of each level that has one, for proxy_redirect default. */
const passes = new WeakMap<object, ProxyPass>()

function passOf(cf: ConfigCursor): ProxyPass | undefined {
  return maybeLocationLevel(cf) === undefined ? undefined : passes.get(cf.level)
}

function setPass(cf: ConfigCursor): void {
  const level = locationLevel(cf)
  if (level.content?.directive === 'proxy_pass') cf.failDirective('is duplicate')
  const groups = groupsOf(cf)
  const pass = readPass(cf, groups)
  passes.set(level, pass)
  if (level.name.endsWith('/') && (level.kind === 'prefix' || level.kind === 'exact')) level.autoRedirect = true
  level.content = {
    directive: 'proxy_pass',
    build: (location) => {
      const plan = compilePlan(pass, location, location.confs[proxy.id] as Readonly<ProxyConf>, groups)
      return (r) => r.state(proxy).start(plan)
    },
  }
}

function setBind(cf: ConfigCursor, own: Partial<ProxyConf>): void {
  if (Object.hasOwn(own, 'bind')) cf.failDirective('is duplicate')
  own.bind = compileBind(cf)
}
