// What nginx does with the main context once everything is read: defaults, and the checks that need the whole
// configuration. Separate from parsing because `-t` says "syntax is ok" in between, and `-s` needs the settings only.

import { type CoreConf, core } from './core_directives.ts'
import { ConfigError } from './error.ts'
import type { EventsConf } from './events_directives.ts'
import { mergeLevel, ownOf } from './level.ts'
import type { ParsedConfiguration } from './parse.ts'
import { defaultUser } from './users.ts'

export interface CoreSettings {
  readonly core: Readonly<CoreConf>
  readonly events: Readonly<EventsConf>
  /** Warnings without a place, found by the checks; those of the parsing are not among them. */
  readonly warnings: readonly string[]
}

const AFFINITY_WARNING =
  'the number of "worker_processes" is not equal to the number of "worker_cpu_affinity" masks, ' +
  'using last mask for remaining worker processes'

/** Completes and checks the main context. Throws ConfigError, without a place. */
export function finishCore({ root, resources, source, prefix }: ParsedConfiguration): CoreSettings {
  const own = ownOf<CoreConf>(root, core) ?? {}
  const conf: Readonly<CoreConf> = mergeLevel<CoreConf>(core.defaults, {
    ...own,
    pid: own.pid ?? prefix + core.defaults.pid,
    lockFile: own.lockFile ?? prefix + core.defaults.lockFile,
    user: source.facts.euid === 0 ? (own.user ?? defaultUser((name) => source.readFile(name))) : undefined,
  })

  const { events } = conf
  if (events === undefined) throw new ConfigError('no "events" section in configuration')
  const { workerConnections } = events
  const sockets = resources.listens.length
  if (workerConnections < sockets + 1) {
    throw new ConfigError(`${workerConnections} worker_connections are not enough for ${sockets} listening sockets`)
  }
  return { core: conf, events, warnings: hasWrongNumberOfMasks(conf) ? [AFFINITY_WARNING] : [] }
}

/** One mask for all is meant as that. */
function hasWrongNumberOfMasks({ workerCpuAffinity, workerProcesses }: CoreConf): boolean {
  if (workerCpuAffinity === undefined || workerCpuAffinity.auto) return false
  const { length } = workerCpuAffinity.masks
  return length !== 1 && length !== workerProcesses
}
