// Compiling a configuration into handlers: for each location the flat list of what its modules want to do, in phase
// order. A module that is not configured there is not in the list. Runs once per worker, after zones are attached.

import type { ErrorLogSetting } from '../config/error_log.ts'
import { type ErrorLog, errorLogOf } from '../log/error_log.ts'
import { accessPhase } from './access_phase.ts'
import type { HttpConfiguration } from './configuration.ts'
import type { Location } from './location.ts'
import type { AnyHttpModule, Handler, Phase } from './module.ts'
import type { VirtualServer } from './virtual_server.ts'

const LOCATION_PHASES: readonly Phase[] = ['preaccess', 'access', 'precontent', 'content']

/** Levels that inherit share the list of settings itself, and so one log. */
const errorLogs = new WeakMap<readonly ErrorLogSetting[], ErrorLog>()

function errorLogFor(settings: readonly ErrorLogSetting[], fallback: ErrorLog): ErrorLog {
  let log = errorLogs.get(settings)
  if (log === undefined) {
    log = errorLogOf(settings, fallback)
    errorLogs.set(settings, log)
  }
  return log
}

/** Builds all handlers. `log` serves locations without an error_log of their own. */
export function buildHandlers(configuration: HttpConfiguration, log: ErrorLog): void {
  for (const server of configuration.servers) {
    buildServer(server, configuration.modules)
    for (const location of server.all) buildLocation(location, configuration.modules, log)
  }
}

function buildServer(server: VirtualServer, modules: readonly AnyHttpModule[]): void {
  const { location } = server
  const early = buildPhase('post_read', modules, location)
  const rewrite = buildPhase('server_rewrite', modules, location)
  server.handlers = [...early, ...rewrite]
  server.rewriteFrom = early.length
  server.handlerSkip = server.handlers.map((_, i) => (i < early.length ? early.length : server.handlers.length))
}

function buildLocation(location: Location, modules: readonly AnyHttpModule[], log: ErrorLog): void {
  location.errorLog = errorLogFor(location.core.errorLog, log)
  const [rewrite] = buildPhase('rewrite', modules, location)
  location.rewrite = rewrite
  for (const phase of LOCATION_PHASES) {
    // A content handler of the location's own stands instead of index and static.
    if (phase === 'content' && location.contentHandler !== undefined) continue
    const built = buildPhase(phase, modules, location)
    const handlers = phase === 'access' ? accessPhase(built, location.core.satisfy) : built
    const end = location.handlers.length + handlers.length
    for (const handler of handlers) {
      location.handlers.push(handler)
      location.handlerSkip.push(end)
    }
  }
  location.content = location.contentHandler?.build(location)
  for (const module of modules) {
    const conf = location.confs[module.id] as object
    const filter = module.headerFilter?.build(conf, location)
    if (filter !== undefined) location.headerFilters.push(filter)
    const logger = module.log?.build(conf, location)
    if (logger !== undefined) location.loggers.push(logger)
  }
}

function buildPhase(at: Phase, modules: readonly AnyHttpModule[], location: Location): Handler[] {
  const handlers: Handler[] = []
  for (const module of modules) {
    for (const phase of module.phases ?? []) {
      if (phase.at !== at) continue
      const handler = phase.build(location.confs[module.id] as object, location)
      if (handler !== undefined) handlers.push(handler)
    }
  }
  return handlers
}
