// The old master's side of a binary upgrade: the program is started once more from the disk, where a new version lies, and
// gets all listening sockets and zones. Both masters run then, each with its pid file, until the operator ends one of
// them.

import { type ChildProcess, spawn } from 'node:child_process'
import { renameSync } from 'node:fs'
import { addon } from '../native/addon.ts'
import type { Cycle } from './cycle.ts'
import { inheritanceVariables } from './inheritance.ts'
import { PROGRAM, workerEnvironment } from './spawn.ts'
import { systemFailure } from './system_failure.ts'
import { masterArgv0 } from './title.ts'
import { chainOf, openZoneUses, zoneInForce } from './zone_resize.ts'
import type { OpenZone, ZoneRecord } from './zones.ts'

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
 * now in its place. Its environment is what workers get, as in nginx. Without a pid, or undefined: the system refuses to;
 * why is told to `onError`, at once or a moment later.
 */
export function spawnNewBinary(
  { configuration, sockets, zones }: Cycle,
  words: readonly string[],
  onError: (error: Error) => void,
): ChildProcess | undefined {
  const passed = sockets.map(({ fd }) => fd)
  const uses: number[] = []
  const numbers = passed.map((_, index) => FIRST_PASSED_FD + index)
  try {
    // Zones that are not in force yet are not worth it: the new master resizes to its own configuration.
    const records = zones.map(zoneInForce).map((zone) => {
      const own = openZoneUses(zone)
      const first = FIRST_PASSED_FD + passed.length + uses.length
      uses.push(...own)
      return recordOf(
        chainOf(zone),
        own.map((_, index) => first + index),
      )
    })
    const child = spawn(process.execPath, [PROGRAM, ...words], {
      argv0: masterArgv0(words),
      detached: true,
      env: {
        ...workerEnvironment(configuration.settings.core.env),
        ...inheritanceVariables(numbers, records),
      },
      stdio: ['ignore', 1, 2, ...passed, ...uses],
    })
    return child.on('error', onError)
  } catch (error) {
    onError(error as Error)
    return undefined
  } finally {
    for (const fd of uses) addon.close(fd)
  }
}

/** What the new master is told of a zone, whose descriptors will have these numbers there. */
function recordOf(chain: readonly OpenZone[], fds: readonly number[]): ZoneRecord {
  const { name, tag, sizeBytes, keyText, statePath, superseded } = chain.at(-1)!
  const older = chain.length > 1 ? recordOf(chain.slice(0, -1), fds.slice(0, -1)) : undefined
  return { name, tag, sizeBytes, keyText, statePath, superseded, fd: fds.at(-1)!, older }
}
