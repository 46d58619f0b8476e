// What a configuration is read with: the answers to -p, -c, -e and -g, as full names. The same for the master, for its
// workers (it travels in the snapshot) and for the program that only tests or signals. All latin1 strings.

import { resolve } from 'node:path'
import { PACKAGE_FOLDER } from '../log/program.ts'

/** Where the package keeps the configuration that runs without -c, below the prefix. */
const DEFAULT_CONF_FILE = 'config/sluice.conf'
const DEFAULT_ERROR_LOG = 'logs/error.log'
const STDERR_WORD = 'stderr'

export interface StartOptions {
  /** Folder before relative names of logs, pid file and the like; ends with `/`. */
  readonly prefix: string
  readonly confFile: string
  /** Folder of confFile; ends with `/`. */
  readonly confPrefix: string
  /** The built-in error log, or '' = stderr. */
  readonly errorLog: string
  /** Text of -g. */
  readonly globals: string | undefined
  /** The file is the one that comes with the package: a newcomer may be at the keyboard. */
  readonly isDefaultConf: boolean
}

/** -p, -c, -e and -g as given. */
export interface GivenOptions {
  readonly prefix: string | undefined
  readonly file: string | undefined
  readonly errorLog: string | undefined
  readonly directives: string | undefined
}

/**
 * Completes names: the configuration file and the error log are relative to the prefix, not to the current folder. A
 * relative prefix is made absolute, unlike nginx's: workers may leave for `working_directory` and open their logs again.
 */
export function startOptions({
  prefix: given,
  file,
  errorLog = DEFAULT_ERROR_LOG,
  directives,
}: GivenOptions): StartOptions {
  const folder = given === undefined ? latin1(PACKAGE_FOLDER) : absolute(given)
  const prefix = folder.endsWith('/') ? folder : `${folder}/`
  const full = (path: string) => (path.startsWith('/') ? path : prefix + path)
  const confFile = full(file ?? DEFAULT_CONF_FILE)
  return {
    prefix,
    confFile,
    confPrefix: confFile.slice(0, confFile.lastIndexOf('/') + 1),
    errorLog: errorLog === STDERR_WORD ? '' : full(errorLog),
    globals: directives,
    isDefaultConf: (file ?? DEFAULT_CONF_FILE) === DEFAULT_CONF_FILE,
  }
}

function absolute(folder: string): string {
  return folder.startsWith('/') ? folder : resolve(latin1(process.cwd()), folder)
}

function latin1(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1')
}
