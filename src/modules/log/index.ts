// The access log: one line per client request, written when it has ended, in the format and to the files of the location
// that finished it. Formats belong to the whole http block; a level with access_log directives of its own ignores its
// parent's.

import { httpOwn } from '../../http/levels.ts'
import { type Context, defineModule, HTTP, HTTP_SERVER_LOCATION_IF, type HttpModule } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Value } from '../../http/value.ts'
import type { LogFile } from '../../log/log_file.ts'
import type { SyslogPeer } from '../../log/syslog.ts'
import type { LogBuffer } from './buffer.ts'
import { addAccessLog, addDefaultLog, hasLogs } from './directives.ts'
import { defineFormat, type LogFormat } from './format.ts'
import { accessLogger } from './logger.ts'

/** Where the lines of one access_log directive go: a file of the cycle, a syslog server, or a name that each request computes. */
export type LogTarget =
  | { readonly kind: 'syslog'; readonly syslog: SyslogPeer }
  | { readonly kind: 'file'; readonly file: LogFile }
  | { readonly kind: 'path'; readonly path: Value; readonly prefix: string }

/** One access_log directive. */
export interface AccessLog {
  readonly target: LogTarget
  readonly format: LogFormat
  /** `if=`: no line when it is empty or `0`. */
  readonly condition: Value | undefined
}

export interface LogConf {
  /** By name; filled at http level only. */
  formats: ReadonlyMap<string, LogFormat>
  /** Buffers belong to files, whoever writes to them; filled at http level only. */
  buffers: ReadonlyMap<LogFile, LogBuffer>
  logs: readonly AccessLog[]
  /** `access_log off`, which wins over other logs of its level. */
  off: boolean
}

const WHERE: readonly Context[] = [...HTTP_SERVER_LOCATION_IF, 'limit_except']

export const log: HttpModule<LogConf> = defineModule<LogConf>({
  name: 'log',
  defaults: { formats: new Map(), buffers: new Map(), logs: [], off: false },
  merge: (parent, own) =>
    hasLogs(own) ? { ...parent, ...own, logs: own.logs ?? [], off: own.off ?? false } : { ...parent, ...own },
  directives: {
    log_format: { in: HTTP, args: [2, Number.POSITIVE_INFINITY], set: defineFormat },
    access_log: {
      in: WHERE,
      args: [1, Number.POSITIVE_INFINITY],
      set: (cf, own) => addAccessLog(cf, own, httpOwn<LogConf>(cf, log)),
    },
  },
  complete: (http, resources, prefix) => addDefaultLog(http, log, resources, prefix),
  log: { build },
})

function build(conf: Readonly<LogConf>): ((r: HttpRequest) => void) | undefined {
  if (conf.off || conf.logs.length === 0) return undefined
  const loggers = conf.logs.map((accessLog) => accessLogger(accessLog, conf.buffers))
  const [only] = loggers
  if (loggers.length === 1) return only
  return (r) => {
    for (const write of loggers) write(r)
  }
}
