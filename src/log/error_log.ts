// The error log: where messages go and how a line looks (`TIME [level] PID#TID: *CONN MESSAGE`). One ErrorLog stands for
// all `error_log` directives of one level of the configuration; each of its targets has its own threshold.
// A target is a file, standard error or a syslog server.
// Until start-up is complete, warnings and worse are also shown on stderr as `sluice: [level] MESSAGE`.

import { writeSync } from 'node:fs'
import { CRIT, DEBUG, LEVEL_WORDS, type LogLevel, WARN } from './levels.ts'
import { type LogFile, STDERR_FILE } from './log_file.ts'
import { PROGRAM_NAME } from './program.ts'
import type { SyslogPeer } from './syslog.ts'
import { errorLogTime } from './times.ts'

/** Bytes of a line, its newline included; the rest of a longer message is cut. */
const MAX_LINE_BYTES = 2048
/** Pid and thread id, which are one and the same number in the main thread, the only one that logs. */
const PROCESS_TEXT = `${process.pid}#${process.pid}: `

let copiesToStderr = false

/** One `error_log` directive: messages of `level` and more severe ones go to the file or to the syslog server. */
export interface LogTarget {
  readonly file?: LogFile
  readonly syslog?: SyslogPeer
  readonly level: LogLevel
}

export class ErrorLog {
  readonly targets: readonly LogTarget[]
  /** The most verbose of its targets: callers need not build a message above it. */
  readonly level: LogLevel
  readonly #toStderr: boolean
  #verbose: ErrorLog | undefined = undefined

  constructor(targets: readonly LogTarget[]) {
    this.targets = targets
    this.level = Math.max(0, ...targets.map((target) => target.level)) as LogLevel
    this.#toStderr = targets.some((target) => target.file === STDERR_FILE)
  }

  /** The first file among the targets: where standard error belongs. */
  get file(): LogFile | undefined {
    return this.targets.find(({ file }) => file !== undefined)?.file
  }

  /** The same targets for messages of every level: for the connections that `debug_connection` names. */
  get verbose(): ErrorLog {
    this.#verbose ??= new ErrorLog(this.targets.map((target) => ({ ...target, level: DEBUG })))
    return this.#verbose
  }

  /** Writes a latin1 message without its newline. `connection` > 0 is shown as `*N`. */
  write(level: LogLevel, message: string, connection = 0): void {
    if (level <= this.level) this.#writeLine(level, message, connection)
    if (copiesToStderr && level <= WARN && !this.#toStderr) writeToStderr(level, message)
  }

  #writeLine(level: LogLevel, message: string, connection: number): void {
    const number = connection > 0 ? `*${connection} ` : ''
    let line = `${errorLogTime()} [${LEVEL_WORDS[level]}] ${PROCESS_TEXT}${number}${message}`
    if (line.length >= MAX_LINE_BYTES) line = line.slice(0, MAX_LINE_BYTES - 1)
    for (const target of this.targets) {
      if (level > target.level) continue
      // A message of the log carries its own severity, whatever the target says.
      target.syslog?.send(line, level - 1)
      target.file?.write(`${line}\n`)
      // The process may be about to end for the very reason that is being logged.
      if (level <= CRIT) target.file?.flush()
    }
  }
}

/** Switches the copies on stderr on (while the program starts) or off (once it serves, or is a worker). */
export function copyToStderr(on: boolean): void {
  copiesToStderr = on
}

/** `sluice: [level] MESSAGE` on stderr, or without a level for STDERR: for messages to whoever started the program. */
export function writeToStderr(level: LogLevel, message: string): void {
  const word = level === 0 ? '' : `[${LEVEL_WORDS[level]}] `
  try {
    writeSync(2, `${PROGRAM_NAME}: ${word}${message}\n`, null, 'latin1')
  } catch {
    // stderr may be closed; there is nobody to tell.
  }
}

/** What `error_log` directives say (config/error_log.ts), as far as it concerns this layer. */
export interface ErrorLogChoice {
  readonly target:
    | { readonly kind: 'file'; readonly file: LogFile }
    | { readonly kind: 'stderr' }
    | { readonly kind: 'syslog'; readonly syslog: SyslogPeer }
  readonly level: LogLevel
}

/** The log for the directives of one level; `fallback` is its parent's, for a level that has none. */
export function errorLogOf(choices: readonly ErrorLogChoice[], fallback: ErrorLog): ErrorLog {
  if (choices.length === 0) return fallback
  return new ErrorLog(
    choices.map(({ target, level }) => {
      if (target.kind === 'syslog') return { syslog: target.syslog, level }
      return { file: target.kind === 'file' ? target.file : STDERR_FILE, level }
    }),
  )
}
