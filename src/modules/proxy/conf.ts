// What the proxy module keeps per level, with nginx's defaults (spec proxy.md §1), and the checks between settings.

import { ConfigError } from '../../config/error.ts'
import type { Buffers } from '../../config/slots.ts'
import type { SizeValue } from '../../http/size_value.ts'
import type { Value } from '../../http/value.ts'
import { FAIL_ERROR, FAIL_TIMEOUT } from '../../upstream/transport.ts'
import type { CookieFlagsRule, CookieRule } from './cookies.ts'
import type { RedirectRule } from './redirect.ts'

/** One proxy_set_header. */
export interface SetHeader {
  readonly name: string
  readonly lowerName: string
  readonly value: Value
}

// Bits of proxy_ignore_headers.
export const IGNORE_X_ACCEL_REDIRECT = 0x01
export const IGNORE_X_ACCEL_LIMIT_RATE = 0x02
export const IGNORE_X_ACCEL_BUFFERING = 0x04
/** Headers that matter to the cache and the charset filter only; there is neither. */
export const IGNORE_WITHOUT_EFFECT = 0x08

export interface ProxyConf {
  httpVersion: '1.0' | '1.1' | '2'
  method: Value | undefined
  /** A level with headers of its own ignores its parent's. */
  setHeaders: readonly SetHeader[]
  setBody: Value | undefined
  passRequestHeaders: boolean
  passRequestBody: boolean
  buffering: boolean
  requestBuffering: boolean
  bufferSize: number
  buffers: Buffers
  /** 0 = not set. */
  busyBuffersSize: number
  /** -1 = not set. */
  maxTempFileSize: number
  /** 0 = not set. */
  tempFileWriteSize: number
  tempPath: string
  connectTimeout: number
  sendTimeout: number
  readTimeout: number
  /** FAIL_* bits and NON_IDEMPOTENT. */
  nextUpstream: number
  nextUpstreamTries: number
  nextUpstreamTimeout: number
  interceptErrors: boolean
  /** Undefined = no limit. */
  limitRate: SizeValue | undefined
  ignoreClientAbort: boolean
  hideHeaders: readonly string[]
  passHeaders: readonly string[]
  /** IGNORE_* bits. */
  ignoreHeaders: number
  /** undefined = `default`: back from the URL of proxy_pass to the location. Empty = off. */
  redirects: readonly RedirectRule[] | undefined
  cookieDomains: readonly CookieRule[]
  cookiePaths: readonly CookieRule[]
  cookieFlags: readonly CookieFlagsRule[]
  /** Address to connect from; undefined = the system's choice. */
  bind: Value | undefined
  socketKeepalive: boolean
  sslServerName: boolean
  sslName: Value | undefined
}

const PAGE = 4096

export const PROXY_DEFAULTS: Readonly<ProxyConf> = {
  httpVersion: '1.1',
  method: undefined,
  setHeaders: [],
  setBody: undefined,
  passRequestHeaders: true,
  passRequestBody: true,
  buffering: true,
  requestBuffering: true,
  bufferSize: PAGE,
  buffers: { count: 8, sizeBytes: PAGE },
  busyBuffersSize: 0,
  maxTempFileSize: -1,
  tempFileWriteSize: 0,
  tempPath: 'proxy_temp',
  connectTimeout: 60_000,
  sendTimeout: 60_000,
  readTimeout: 60_000,
  nextUpstream: FAIL_ERROR | FAIL_TIMEOUT,
  nextUpstreamTries: 0,
  nextUpstreamTimeout: 0,
  interceptErrors: false,
  limitRate: undefined,
  ignoreClientAbort: false,
  hideHeaders: [],
  passHeaders: [],
  ignoreHeaders: 0,
  redirects: undefined,
  cookieDomains: [],
  cookiePaths: [],
  cookieFlags: [],
  bind: undefined,
  socketKeepalive: false,
  sslServerName: false,
  sslName: undefined,
}

/** Parent's values where the level has none; the buffer sizes must fit each other. */
export function mergeProxy(parent: Readonly<ProxyConf>, own: Partial<ProxyConf>): ProxyConf {
  const conf = { ...parent, ...own }
  checkBuffers(conf)
  return conf
}

function checkBuffers(conf: Readonly<ProxyConf>): void {
  const { bufferSize, buffers } = conf
  if (buffers.count < 2) throw new ConfigError('there must be at least 2 "proxy_buffers"')
  const least = Math.max(bufferSize, buffers.sizeBytes)
  const bound = 'the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"'
  const busy = conf.busyBuffersSize === 0 ? 2 * least : conf.busyBuffersSize
  if (busy < least) {
    throw new ConfigError(`"proxy_busy_buffers_size" must be equal to or greater than ${bound}`)
  }
  if (busy > (buffers.count - 1) * buffers.sizeBytes) {
    throw new ConfigError(
      '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
    )
  }
  if (conf.tempFileWriteSize !== 0 && conf.tempFileWriteSize < least) {
    throw new ConfigError(`"proxy_temp_file_write_size" must be equal to or greater than ${bound}`)
  }
  if (conf.maxTempFileSize > 0 && conf.maxTempFileSize < least) {
    throw new ConfigError(
      `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ${bound}`,
    )
  }
}
