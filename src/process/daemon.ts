// `daemon on`. Node cannot fork, so the program that the operator has started starts itself again, detached, and waits for
// word from it: it returns 0 only when the daemon serves, and the daemon's failure is its own.

import type { SpawnOptions } from 'node:child_process'
import { closeSync, writeSync } from 'node:fs'
import { reasonText } from '../config/errno_text.ts'
import { writeToStderr } from '../log/error_log.ts'
import { EMERG } from '../log/levels.ts'
import { PROGRAM, startNode } from './spawn.ts'
import { masterArgv0 } from './title.ts'

/** First word of the daemon's command line after main.js; the operator's words follow. No option: nobody may guess it. */
export const DAEMON_ROLE = ':daemon'
/** Where the daemon says that it serves. */
const READY_FD = 3
const FAILED = 1

/** In the program that was started: becomes the daemon's parent and ends with its fate. */
export function startDaemon(words: readonly string[]): void {
  const options: SpawnOptions = {
    argv0: masterArgv0(words),
    detached: true,
    stdio: ['ignore', 'ignore', 2, 'pipe'],
  }
  const child = startNode([PROGRAM, DAEMON_ROLE, ...words], options, (error) => {
    writeToStderr(EMERG, `fork() failed (${reasonText(error)})`)
    process.exit(FAILED)
  })
  child?.stdio[READY_FD]?.once('data', () => process.exit(0))
  child?.once('exit', (code) => process.exit(code === null || code === 0 ? FAILED : code))
}

/** In the daemon: what a process without a terminal needs. Before any file is opened. */
export function becomeDaemon(): void {
  process.umask(0)
}

/** In the daemon: lets the parent return. */
export function reportServing(): void {
  try {
    writeSync(READY_FD, 'serving\n')
  } catch {
    // The parent was killed while it waited. The daemon serves nevertheless.
  }
  closeSync(READY_FD)
}
