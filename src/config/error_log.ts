// The `error_log` directive, for every context in which it may stand. It says where messages go and from which severity
// on; the log layer writes them. Several at one level are all used; a level that has none takes its parent's.

import { DEBUG, ERROR, type LogLevel, levelOfWord } from '../log/levels.ts'
import type { LogFile } from '../log/log_file.ts'
import type { SyslogPeer } from '../log/syslog.ts'
import { isSyslog, readSyslog } from './syslog.ts'
import type { ConfigCursor, Context, Directive } from './types.ts'

export type ErrorLogTarget =
  | { readonly kind: 'file'; readonly file: LogFile }
  | { readonly kind: 'stderr' }
  | { readonly kind: 'syslog'; readonly syslog: SyslogPeer }

export interface ErrorLogSetting {
  readonly target: ErrorLogTarget
  /** Messages of this severity and more severe ones are written. */
  readonly level: LogLevel
}

/** The directive for an owner whose Conf has the field `errorLog`. */
export function errorLogDirective<Conf extends { errorLog: readonly ErrorLogSetting[] }>(
  where: readonly Context[],
): Directive<Conf> {
  return {
    in: where,
    args: [1, Number.POSITIVE_INFINITY],
    set(cf, own) {
      own.errorLog = [...(own.errorLog ?? []), readErrorLog(cf)]
    },
  }
}

/** `error_log TARGET [LEVEL ...]` at the cursor. */
export function readErrorLog(cf: ConfigCursor): ErrorLogSetting {
  const [, target = '', ...levels] = cf.args
  return { target: readTarget(cf, target), level: readLevel(cf, levels) }
}

function readTarget(cf: ConfigCursor, text: string): ErrorLogTarget {
  // An empty name opens nothing: the log is standard error.
  if (text === 'stderr' || text === '') return { kind: 'stderr' }
  if (text.startsWith('memory:')) cf.fail('nginx was built without debug support')
  if (isSyslog(text)) return { kind: 'syslog', syslog: readSyslog(cf, text) }
  return { kind: 'file', file: cf.resources.file(cf.fullName(text, 'prefix')) }
}

/** Words for single kinds of debug messages. They are not told apart here: each means all of debug. */
const DEBUG_WORDS = ['core', 'alloc', 'mutex', 'event', 'http', 'mail', 'stream'].map((kind) => `debug_${kind}`)

function readLevel(cf: ConfigCursor, words: readonly string[]): LogLevel {
  let level: LogLevel | undefined
  let kinds = false
  for (const word of words) {
    const named = levelOfWord(word)
    if (named !== undefined) {
      if (level !== undefined || kinds) cf.fail(`duplicate log level "${word}"`)
      level = named
    } else {
      if (level !== undefined || !DEBUG_WORDS.includes(word)) cf.fail(`invalid log level "${word}"`)
      kinds = true
    }
  }
  return level ?? (kinds ? DEBUG : ERROR)
}
