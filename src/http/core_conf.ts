// What the core module keeps per http, server and location level, with nginx's defaults (spec http-core.md §1).

import type { ErrorLogSetting } from '../config/error_log.ts'
import type { SizeValue } from './size_value.ts'
import type { Value } from './value.ts'

export interface ErrorPage {
  readonly codes: readonly number[]
  /** Status of the answer: -1 = the original code, 0 = what the target returns. */
  readonly overwrite: number
  readonly uri: Value
}

export interface CoreConf {
  clientHeaderTimeout: number
  clientHeaderBufferSize: number
  largeClientHeaderBuffers: { readonly count: number; readonly sizeBytes: number }
  maxHeaders: number
  ignoreInvalidHeaders: boolean
  underscoresInHeaders: boolean
  mergeSlashes: boolean
  /** 0 = unlimited. */
  clientMaxBodySize: number
  clientBodyBufferSize: number
  clientBodyTimeout: number
  clientBodyTempPath: string
  clientBodyInFileOnly: 'on' | 'clean' | 'off'
  sendTimeout: number
  /** ms; 0 = no keep-alive. */
  keepaliveTimeout: number
  /** Seconds in the Keep-Alive header, 0 = none. */
  keepaliveHeader: number
  keepaliveMinTimeout: number
  keepaliveRequests: number
  keepaliveTime: number
  /** Bits of KEEPALIVE_DISABLE. */
  keepaliveDisable: number
  /** Undefined = no limit. */
  limitRate: SizeValue | undefined
  limitRateAfter: SizeValue | undefined
  lingeringClose: 'off' | 'on' | 'always'
  lingeringTime: number
  lingeringTimeout: number
  resetTimedoutConnection: boolean
  tcpNodelay: boolean
  chunkedTransferEncoding: boolean
  root: Value
  /** Set in a location: the URI's part that matched the name is replaced. */
  alias: Value | undefined
  defaultType: string
  types: ReadonlyMap<string, string>
  errorPages: readonly ErrorPage[]
  recursiveErrorPages: boolean
  internal: boolean
  satisfy: 'all' | 'any'
  etag: boolean
  ifModifiedSince: 'off' | 'exact' | 'before'
  maxRanges: number
  serverTokens: 'on' | 'off' | 'build'
  absoluteRedirect: boolean
  portInRedirect: boolean
  serverNameInRedirect: boolean
  msiePadding: boolean
  logNotFound: boolean
  /** Empty at http level = those of the main context. */
  errorLog: readonly ErrorLogSetting[]
}

/** Words of keepalive_disable. */
export const KEEPALIVE_DISABLE = { none: 1, msie6: 2, safari: 4 } as const

export const BUILT_IN_TYPES: ReadonlyMap<string, string> = new Map([
  ['html', 'text/html'],
  ['gif', 'image/gif'],
  ['jpg', 'image/jpeg'],
])

const htmlRoot: Value = { text: 'html', constant: 'html', get: () => 'html' }

export const CORE_DEFAULTS: Readonly<CoreConf> = {
  clientHeaderTimeout: 60_000,
  clientHeaderBufferSize: 1024,
  largeClientHeaderBuffers: { count: 4, sizeBytes: 8192 },
  maxHeaders: 1000,
  ignoreInvalidHeaders: true,
  underscoresInHeaders: false,
  mergeSlashes: true,
  clientMaxBodySize: 1024 * 1024,
  clientBodyBufferSize: 16 * 1024,
  clientBodyTimeout: 60_000,
  clientBodyTempPath: 'client_body_temp',
  clientBodyInFileOnly: 'off',
  sendTimeout: 60_000,
  keepaliveTimeout: 75_000,
  keepaliveHeader: 0,
  keepaliveMinTimeout: 1000,
  keepaliveRequests: 1000,
  keepaliveTime: 3_600_000,
  keepaliveDisable: 2,
  limitRate: undefined,
  limitRateAfter: undefined,
  lingeringClose: 'on',
  lingeringTime: 30_000,
  lingeringTimeout: 5000,
  resetTimedoutConnection: false,
  tcpNodelay: true,
  chunkedTransferEncoding: true,
  root: htmlRoot,
  alias: undefined,
  defaultType: 'text/plain',
  types: BUILT_IN_TYPES,
  errorPages: [],
  recursiveErrorPages: false,
  internal: false,
  satisfy: 'all',
  etag: true,
  ifModifiedSince: 'exact',
  maxRanges: Number.POSITIVE_INFINITY,
  serverTokens: 'on',
  absoluteRedirect: true,
  portInRedirect: true,
  serverNameInRedirect: false,
  msiePadding: true,
  logNotFound: true,
  errorLog: [],
}
