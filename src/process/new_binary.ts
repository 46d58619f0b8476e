// The old master's side of a binary upgrade: the program is started once more from the disk, where a new version lies, and
// gets all listening sockets and zones. Both masters run then, each with its pid file, until the operator ends one of
// them.

import { type ChildProcess, spawn } from 'node:child_process'
import { renameSync } from 'node:fs'
import type { Cycle } from './cycle.ts'
import { inheritanceVariables } from './inheritance.ts'
import { PROGRAM, workerEnvironment } from './spawn.ts'
import { systemFailure } from './system_failure.ts'
import { masterArgv0 } from './title.ts'

/** Of a process in the table. */
export const NEW_BINARY_NAME = 'new binary process'

const FIRST_PASSED_FD = 3

/** Where the old master's pid is while a new binary runs. */
export function oldPidFile(pidFile: string): string {
  return `${pidFile}.oldbin`
}

/** Throws ConfigError. */
export function renamePidFile(from: string, to: string, when: string): void {
  try {
    renameSync(Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1'))
  } catch (error) {
    throw systemFailure(`rename() ${from} to ${to} failed ${when}`, error)
  }
}

/**
 * Starts the program as the operator has started this one. Not the binary that runs, as for workers, but the one that is
 * now in its place. Its environment is what workers get, as in nginx. Without a pid the system refuses to; why comes as
 * an `error` event.
 */
export function spawnNewBinary({ configuration, sockets, zones }: Cycle, words: readonly string[]): ChildProcess {
  const passed = [...sockets, ...zones].map(({ fd }) => fd)
  const numbers = passed.map((_, index) => FIRST_PASSED_FD + index)
  const zoneRecords = zones.map((zone, index) => ({ ...zone, fd: numbers[sockets.length + index]! }))
  return spawn(process.execPath, [PROGRAM, ...words], {
    argv0: masterArgv0(words),
    detached: true,
    env: {
      ...workerEnvironment(configuration.settings.core.env),
      ...inheritanceVariables(numbers.slice(0, sockets.length), zoneRecords),
    },
    stdio: ['ignore', 1, 2, ...passed],
  })
}
