// access_log: which file, which format, which parameters; nginx's checks in its order. Also the log that a server has when
// nobody says anything.

import { isSyslog, readSyslog } from '../../config/syslog.ts'
import type { ConfigCursor, Resources } from '../../config/types.ts'
import { parseInteger, parseSize, parseTimeMs } from '../../config/units.ts'
import { type HttpRootLevel, httpLevel } from '../../http/levels.ts'
import { compileValue, type Value } from '../../http/value.ts'
import type { LogFile } from '../../log/log_file.ts'
import { type BufferOptions, LogBuffer } from './buffer.ts'
import { COMBINED_NAME, combinedFormat, type LogFormat } from './format.ts'
import type { LogConf, LogTarget } from './index.ts'

/** Under the prefix; used where no access_log is said. */
const DEFAULT_PATH = 'logs/access.log'
const GZIP_BUFFER_BYTES = 64 * 1024
/** zlib's Z_BEST_SPEED, for `gzip` without a level. */
const GZIP_FAST = 1

/** `access_log PATH [FORMAT [buffer=SIZE] [gzip[=LEVEL]] [flush=TIME] [if=CONDITION]] | off` */
export function addAccessLog(cf: ConfigCursor, own: Partial<LogConf>, http: Partial<LogConf>): void {
  const [, path = '', formatName = COMBINED_NAME, ...parameters] = cf.args
  if (path === 'off') {
    if (cf.args.length > 2) cf.fail(`invalid parameter "${cf.args[2]}"`)
    own.off = true
    return
  }
  const target = targetOf(cf, path)
  const format = findFormat(cf, http, formatName)

  const { buffering, condition } = parseParameters(cf, parameters)
  if (buffering !== undefined) {
    if (target.kind === 'path') cf.fail('buffered logs cannot have variables in name')
    if (target.kind === 'syslog') cf.fail('logs to syslog cannot be buffered')
    http.buffers = withBuffer(cf, http.buffers, target.file, buffering)
  }
  own.logs = [...(own.logs ?? []), { target, format, condition }]
}

export function hasLogs(own: Partial<LogConf> | undefined): boolean {
  return own?.logs !== undefined || own?.off !== undefined
}

/**
 * Gives the http level its default log if some server would be without any. After reading: only then is it known, and
 * a file that nobody needs must not be opened (its folder need not be there). `prefix` ends with `/`.
 */
export function addDefaultLog(
  http: HttpRootLevel,
  module: { readonly id: number },
  resources: Resources,
  prefix: string,
): void {
  const own = (http.own[module.id] ?? {}) as Partial<LogConf>
  if (hasLogs(own) || http.servers.every((server) => hasLogs(server.own[module.id]))) return
  http.own[module.id] = own
  const file = resources.file(prefix + DEFAULT_PATH)
  own.logs = [{ target: { kind: 'file', file }, format: combinedFormat(http.variables), condition: undefined }]
}

/** A name without variables is a file of the cycle; one with variables is opened for every line. */
function targetOf(cf: ConfigCursor, path: string): LogTarget {
  if (isSyslog(path)) return { kind: 'syslog', syslog: readSyslog(cf, path) }
  const value = compileValue(cf, path)
  if (value.constant === undefined) return { kind: 'path', path: value, prefix: cf.fullName('', 'prefix') }
  return { kind: 'file', file: cf.resources.file(cf.fullName(path, 'prefix')) }
}

function findFormat(cf: ConfigCursor, http: Partial<LogConf>, name: string): LogFormat {
  const format = http.formats?.get(name)
  if (format !== undefined) return format
  return name === COMBINED_NAME ? combinedFormat(httpLevel(cf).variables) : cf.fail(`unknown log format "${name}"`)
}

interface Parameters {
  readonly buffering: BufferOptions | undefined
  readonly condition: Value | undefined
}

function parseParameters(cf: ConfigCursor, parameters: readonly string[]): Parameters {
  let sizeBytes = 0
  let flushMs = 0
  let gzipLevel = 0
  let condition: Value | undefined
  for (const parameter of parameters) {
    const [name, value = ''] = splitParameter(parameter)
    if (name === 'buffer=') {
      sizeBytes = parseSize(value) || cf.fail(`invalid buffer size "${value}"`)
    } else if (name === 'flush=') {
      flushMs = parseTimeMs(value) || cf.fail(`invalid flush time "${value}"`)
    } else if (parameter === 'gzip' || name === 'gzip=') {
      gzipLevel = parameter === 'gzip' ? GZIP_FAST : (parseInteger(value) ?? 0)
      if (gzipLevel < 1 || gzipLevel > 9) cf.fail(`invalid compression level "${value}"`)
      if (sizeBytes === 0) sizeBytes = GZIP_BUFFER_BYTES
    } else if (name === 'if=') condition = compileValue(cf, value)
    else cf.fail(`invalid parameter "${parameter}"`)
  }
  if (sizeBytes === 0) {
    if (flushMs > 0) cf.fail(`no buffer is defined for access_log "${cf.args[1]}"`)
    return { buffering: undefined, condition }
  }
  return { buffering: { sizeBytes, flushMs, gzipLevel }, condition }
}

/** `name=` and the rest, or the whole word. */
function splitParameter(parameter: string): [name: string, value?: string] {
  const equals = parameter.indexOf('=')
  return equals < 0 ? [parameter] : [parameter.slice(0, equals + 1), parameter.slice(equals + 1)]
}

/** All logs of a file share its buffer, so they must agree on it. */
function withBuffer(
  cf: ConfigCursor,
  buffers: LogConf['buffers'] | undefined,
  file: LogFile,
  options: BufferOptions,
): LogConf['buffers'] {
  const known = buffers?.get(file)
  if (known === undefined) return new Map(buffers).set(file, new LogBuffer(file, options))
  const { sizeBytes, flushMs, gzipLevel } = known.options
  if (sizeBytes !== options.sizeBytes || flushMs !== options.flushMs || gzipLevel !== options.gzipLevel) {
    cf.fail(`access_log "${cf.args[1]}" already defined with conflicting parameters`)
  }
  return buffers as LogConf['buffers']
}
