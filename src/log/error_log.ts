// The error log: where messages go and how a line looks (`TIME [level] PID#TID: *CONN MESSAGE`). One ErrorLog stands for
// all `error_log` directives of one level of the configuration; each of its targets has its own threshold.
// Until start-up is complete, warnings and worse are also shown on stderr as `sluice: [level] MESSAGE`.

import { writeSync } from 'node:fs'
import { CRIT, LEVEL_WORDS, type LogLevel, WARN } from './levels.ts'
import { type LogFile, STDERR_FILE } from './log_file.ts'
import { PROGRAM_NAME } from './program.ts'
import { errorLogTime } from './times.ts'

/** Bytes of a line, its newline included; the rest of a longer message is cut. */
const MAX_LINE_BYTES = 2048
/** Pid and thread id, which are one and the same number in the main thread, the only one that logs. */
const PROCESS_TEXT = `${process.pid}#${process.pid}: `

let copiesToStderr = false

/** One `error_log` directive: messages of `level` and more severe ones go to the file. */
export interface LogTarget {
  readonly file: LogFile
  readonly level: LogLevel
}

export class ErrorLog {
  readonly targets: readonly LogTarget[]
  /** The most verbose of its targets: callers need not build a message above it. */
  readonly level: LogLevel
  readonly #toStderr: boolean

  constructor(targets: readonly LogTarget[]) {
    this.targets = targets
    this.level = Math.max(0, ...targets.map((target) => target.level)) as LogLevel
    this.#toStderr = targets.some((target) => target.file === STDERR_FILE)
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
    line += '\n'
    for (const target of this.targets) {
      if (level > target.level) continue
      target.file.write(line)
      // The process may be about to end for the very reason that is being logged.
      if (level <= CRIT) target.file.flush()
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
    | { readonly kind: 'syslog' }
  readonly level: LogLevel
}

/** The log for the directives of one level; `fallback` is its parent's, for a level that has none. */
export function errorLogOf(choices: readonly ErrorLogChoice[], fallback: ErrorLog): ErrorLog {
  if (choices.length === 0) return fallback
  const targets: LogTarget[] = []
  for (const { target, level } of choices) {
    // Node has no Unix datagram sockets: a configuration with syslog is refused before it comes here (issue 4).
    if (target.kind !== 'syslog') targets.push({ file: target.kind === 'file' ? target.file : STDERR_FILE, level })
  }
  return new ErrorLog(targets)
}
