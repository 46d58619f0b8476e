// `-s stop|quit|reopen|reload`: finds the master by the pid file of the configuration and sends it a signal. And
// `-s processes`, which asks it for the process table.

import { constants } from 'node:os'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import { ConfigError } from '../config/error.ts'
import { copyToStderr, type ErrorLog } from '../log/error_log.ts'
import { ALERT, ERROR, NOTICE } from '../log/levels.ts'
import { openBuiltinLog } from './builtin_log.ts'
import { readForCycle } from './cycle.ts'
import { readPidFile } from './pid_file.ts'
import { showProcesses } from './show_processes.ts'
import type { StartOptions } from './start_options.ts'
import { print } from './stdout.ts'

const { SIGTERM, SIGQUIT, SIGUSR1, SIGHUP } = constants.signals

const SIGNALS = { stop: SIGTERM, quit: SIGQUIT, reopen: SIGUSR1, reload: SIGHUP } as const

/** Sends it, without waiting for its effect, and returns the exit code. */
export function sendSignal(options: StartOptions, word: keyof typeof SIGNALS): number {
  copyToStderr(true)
  const log = openBuiltinLog(options, false)
  const pid = findMaster(options, log)
  return pid === undefined ? 1 : send(pid, SIGNALS[word], log)
}

/** Prints the process table of the running instance and resolves with the exit code. */
export async function printProcesses(options: StartOptions): Promise<number> {
  copyToStderr(true)
  const log = openBuiltinLog(options, false)
  const pid = findMaster(options, log)
  if (pid === undefined) return 1
  try {
    print(Buffer.from(await showProcesses(pid), 'latin1'))
    return 0
  } catch (error) {
    const cause = asSystemError(error)
    if (cause === undefined) throw error
    log.write(ERROR, `process ${pid} cannot be asked for its process table (${errnoText(cause)})`)
    return 1
  }
}

function findMaster(options: StartOptions, log: ErrorLog): number | undefined {
  const read = readForCycle({ options, log })
  if (read === undefined) return undefined
  log.write(NOTICE, 'signal process started')
  try {
    return readPidFile(read.configuration.settings.core.pid)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log.write(ERROR, error.message)
    return undefined
  }
}

function send(pid: number, signal: number, log: ErrorLog): number {
  try {
    process.kill(pid, signal)
    return 0
  } catch (error) {
    const cause = asSystemError(error)
    if (cause === undefined) throw error
    log.write(ALERT, `kill(${pid}, ${signal}) failed (${errnoText(cause)})`)
    return 1
  }
}
