// The built-in error log: `-e`, or logs/error.log. Used before a configuration is read and while none is in force.

import { mkdirSync } from 'node:fs'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import { ErrorLog, writeToStderr } from '../log/error_log.ts'
import { ALERT, INFO, NOTICE } from '../log/levels.ts'
import { LogFile, STDERR_FILE } from '../log/log_file.ts'
import type { StartOptions } from './start_options.ts'

/** Folder of logs and pid file below the prefix, when nothing else is said. */
const DEFAULT_FOLDER = 'logs'

/** Opens it; when that fails, says so and returns a log on stderr. While testing it tells more. */
export function openBuiltinLog(options: StartOptions, testing: boolean): ErrorLog {
  const { errorLog } = options
  const level = testing ? INFO : NOTICE
  makeDefaultFolder(options)
  if (errorLog === '') return new ErrorLog([{ file: STDERR_FILE, level }])
  const file = new LogFile(errorLog)
  try {
    file.open()
  } catch (error) {
    const cause = asSystemError(error)
    if (cause === undefined) throw error
    writeToStderr(ALERT, `could not open error log file: open() "${errorLog}" failed (${errnoText(cause)})`)
    return new ErrorLog([{ file: STDERR_FILE, level }])
  }
  return new ErrorLog([{ file, level }])
}

/** The package comes without the folder that its own configuration writes to; any other prefix is its owner's. */
function makeDefaultFolder({ prefix, isDefaultConf }: StartOptions): void {
  if (!isDefaultConf) return
  try {
    mkdirSync(Buffer.from(prefix + DEFAULT_FOLDER, 'latin1'))
  } catch {
    // It is there, or it cannot be made: opening the files in it will tell.
  }
}
