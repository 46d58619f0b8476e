// The old master's side of a binary upgrade: the program is started once more from the disk, where a new version lies, and
// gets all listening sockets and zones. Both masters run then, each with its pid file, until the operator ends one of
// them.

import type { SpawnOptions } from 'node:child_process'
import { renameSync } from 'node:fs'
import { reasonText } from '../config/errno_text.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT } from '../log/levels.ts'
import { addon } from '../native/addon.ts'
import type { Cycle } from './cycle.ts'
import { inheritanceVariables } from './inheritance.ts'
import { PROGRAM, workerEnvironment } from './spawn.ts'
import { type StartedProcess, startProcess } from './start_process.ts'
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

/** The new binary has gone: the pid file is ours again. A failure is an alert. */
export function takePidFileBack(pidFile: string, log: ErrorLog): void {
  renamePidFile(oldPidFile(pidFile), pidFile, `after the ${NEW_BINARY_NAME} has gone`, log)
}

/** False, and an alert, if that failed. */
function renamePidFile(from: string, to: string, when: string, log: ErrorLog): boolean {
  try {
    renameSync(Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1'))
    return true
  } catch (error) {
    log.write(ALERT, systemFailure(`rename() ${from} to ${to} failed ${when}`, error).message)
    return false
  }
}

/** Puts the pid file aside and starts the program. Undefined, with an alert and the pid file as it was, if that failed. */
export function startNewBinary(cycle: Cycle, words: readonly string[], log: ErrorLog): StartedProcess | undefined {
  const { pid } = cycle.configuration.settings.core
  if (!renamePidFile(pid, oldPidFile(pid), `before executing ${NEW_BINARY_NAME}`, log)) return undefined
  const child = spawnNewBinary(cycle, words, (error) => {
    const reason = reasonText(error)
    log.write(ALERT, `execve() failed while executing ${NEW_BINARY_NAME} "${process.execPath}" (${reason})`)
  })
  if (child === undefined) takePidFileBack(pid, log)
  return child
}

/**
 * Starts the program as the operator has started this one. Not the binary that runs, as for workers, but the one that is
 * now in its place. Its environment is what workers get, as in nginx.
 */
function spawnNewBinary(
  { configuration, sockets, zones }: Cycle,
  words: readonly string[],
  onError: (error: Error) => void,
): StartedProcess | undefined {
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
    const options: SpawnOptions = {
      argv0: masterArgv0(words),
      detached: true,
      env: {
        ...workerEnvironment(configuration.settings.core.env),
        ...inheritanceVariables(numbers, records),
      },
      stdio: ['ignore', 1, 2, ...passed, ...uses],
    }
    return startProcess(process.execPath, [PROGRAM, ...words], options, onError)
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
