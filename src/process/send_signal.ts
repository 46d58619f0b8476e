// `-s stop|quit|reopen|reload`: finds the master by the pid file of the configuration and sends it a signal.

import { constants } from 'node:os'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import { ConfigError } from '../config/error.ts'
import { copyToStderr } from '../log/error_log.ts'
import { ALERT, ERROR, NOTICE } from '../log/levels.ts'
import { openBuiltinLog } from './builtin_log.ts'
import { readForCycle } from './cycle.ts'
import { readPidFile } from './pid_file.ts'
import type { StartOptions } from './start_options.ts'

const { SIGTERM, SIGQUIT, SIGUSR1, SIGHUP } = constants.signals

const SIGNALS = { stop: SIGTERM, quit: SIGQUIT, reopen: SIGUSR1, reload: SIGHUP } as const

/** Sends it, without waiting for its effect, and returns the exit code. */
export function sendSignal(options: StartOptions, word: keyof typeof SIGNALS): number {
  copyToStderr(true)
  const log = openBuiltinLog(options, false)
  const read = readForCycle({ options, log })
  if (read === undefined) return 1
  log.write(NOTICE, 'signal process started')
  let pid: number
  try {
    pid = readPidFile(read.configuration.settings.core.pid)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log.write(ERROR, error.message)
    return 1
  }
  const signal = SIGNALS[word]
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
