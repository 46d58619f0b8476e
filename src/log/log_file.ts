// One log file: the descriptor that this process writes to and the lines of the current event-loop turn. Lines are latin1
// (bytes); those of one turn leave in one write, appended whole, so that several processes may share a file. Opened by
// the cycle, handed to workers as a descriptor, reopened by path on REOPEN.
// Invariant: a file with unwritten lines is in `unwritten`, and its flush is scheduled, or in `stuck`, and has a timer; what is
// left is written when the process exits.

import { closeSync, openSync } from 'node:fs'
import { addon } from '../native/addon.ts'

/** Bytes collected per file and turn; more than that is written early. */
const MAX_PENDING_BYTES = 60 * 1024
/** A pipe whose reader is slow (stderr) is tried again after this time. */
const RETRY_MS = 10
/** Bytes kept for such a reader; what comes beyond is lost, it never stops a request. */
const MAX_STUCK_BYTES = 256 * 1024

const unwritten: LogFile[] = []
/** Those that the system took no more of. */
const stuck = new Set<LogFile>()
let scheduled = false

export class LogFile {
  /** Full name as configured (latin1); '' is the standard error stream, which cannot be reopened. */
  readonly path: string
  /** -1 until the cycle has opened or inherited it. */
  fd = -1
  #pending = ''

  constructor(path: string) {
    this.path = path
  }

  /** Appends a line (with its newline); written to the file at the end of this event-loop turn at the latest. */
  write(line: string): void {
    if (this.#pending === '') {
      unwritten.push(this)
      if (!scheduled) {
        scheduled = true
        setImmediate(endTurn)
      }
    } else if (this.#pending.length + line.length > MAX_PENDING_BYTES) {
      // A stuck file is not tried with each line: that would cost more than the request that is logged.
      if (!stuck.has(this)) this.flush()
      if (this.#pending.length > MAX_STUCK_BYTES) return
    }
    this.#pending += line
  }

  /** Writes what is pending now. A full disk loses lines, as in nginx; it never stops a request. */
  flush(): void {
    let rest = this.#pending
    this.#pending = ''
    while (rest !== '' && this.fd >= 0) {
      const written = addon.writeText(this.fd, rest)
      // Errors have nowhere to be reported to: this is the log.
      if (written < 0) return
      if (written === 0) {
        this.#pending = rest
        if (stuck.has(this)) return
        stuck.add(this)
        setTimeout(flushStuck, RETRY_MS, this).unref()
        return
      }
      rest = written === rest.length ? '' : rest.slice(written)
    }
  }

  /** Opens the path (append, create, 0644). Throws the system's error. */
  open(): void {
    this.fd = openLog(this.path)
  }

  /**
   * Opens the path again and swaps descriptors. `adopt` gets the new one first, to make the file what it must be. Throws the
   * system's error (and what `adopt` throws) and keeps the old one.
   */
  reopen(adopt: (fd: number) => void = () => {}): void {
    if (this.path === '') return
    this.flush()
    const fd = openLog(this.path)
    try {
      adopt(fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    if (this.fd > 2) closeSync(this.fd)
    this.fd = fd
  }

  /** Writes what is pending and closes; the object may be opened again. Standard error stays open. */
  close(): void {
    this.flush()
    if (this.path === '') return
    this.#pending = ''
    if (this.fd > 2) closeSync(this.fd)
    this.fd = -1
  }
}

function openLog(path: string): number {
  return openSync(Buffer.from(path, 'latin1'), 'a', 0o644)
}

function endTurn(): void {
  scheduled = false
  flushLogs()
}

function flushStuck(file: LogFile): void {
  stuck.delete(file)
  file.flush()
}

/** The standard error stream as a log file. */
export const STDERR_FILE = new LogFile('')
STDERR_FILE.fd = 2

/** Writes everything that is pending in any file. Costs nothing when there is nothing. */
export function flushLogs(): void {
  for (let i = 0; i < unwritten.length; i++) (unwritten[i] as LogFile).flush()
  unwritten.length = 0
}

process.on('exit', () => {
  flushLogs()
  for (const file of stuck) file.flush()
})
