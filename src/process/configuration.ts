// One configuration, read and checked: from the disk in the master, from the snapshot in a worker. Both run exactly the
// same steps in the same order, which is why zones, log files and listening sockets come out in the same order too and
// can be matched with the inherited descriptors.

import { core } from '../config/core_directives.ts'
import { type CoreSettings, finishCore } from '../config/core_settings.ts'
import { events } from '../config/events_directives.ts'
import { type ParsedConfiguration, parseConfiguration } from '../config/parse.ts'
import { checkZones } from '../config/resources.ts'
import type { ConfigSource } from '../config/source.ts'
import { finishHttp, type HttpConfiguration, httpOwners } from '../http/configuration.ts'
import { ErrorLog, type ErrorLogChoice, errorLogOf } from '../log/error_log.ts'
import { ERROR } from '../log/levels.ts'
import { STDERR_FILE } from '../log/log_file.ts'
import { HTTP_MODULES } from '../modules/index.ts'
import type { StartOptions } from './start_options.ts'

export interface Configuration {
  readonly options: StartOptions
  readonly parsed: ParsedConfiguration
  readonly settings: CoreSettings
  readonly http: HttpConfiguration
  /** The error log of the main level. */
  readonly log: ErrorLog
}

export interface ReadHooks {
  readonly onWarning?: (text: string) => void
  /** Everything is read; checks that need the whole are still to come. `-t` says so. */
  readonly onSyntaxOk?: () => void
}

/** Reads a configuration. Throws ConfigError. */
export function readConfiguration(options: StartOptions, source: ConfigSource, hooks: ReadHooks = {}): Configuration {
  const { prefix, confFile, confPrefix, globals } = options
  const { onWarning, onSyntaxOk } = hooks
  const owners = [core, events, ...httpOwners(HTTP_MODULES)]
  const parsed = parseConfiguration({ owners, source, confFile, prefix, confPrefix, globals, onWarning })
  const http = finishHttp(parsed)
  for (const warning of http.warnings) onWarning?.(warning)
  onSyntaxOk?.()
  const settings = finishCore(parsed)
  for (const warning of settings.warnings) onWarning?.(warning)
  checkZones(parsed.resources)
  return { options, parsed, settings, http, log: mainLog(options, parsed, settings.core.errorLog) }
}

function mainLog(
  options: StartOptions,
  { resources }: ParsedConfiguration,
  choices: readonly ErrorLogChoice[],
): ErrorLog {
  // Without a directive it is the built-in log, which the configuration then has to open like any other.
  const file = options.errorLog === '' ? STDERR_FILE : undefined
  return choices.length > 0
    ? errorLogOf(choices, new ErrorLog([]))
    : new ErrorLog([{ file: file ?? resources.file(options.errorLog), level: ERROR }])
}
