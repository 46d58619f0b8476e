// The main context: everything that concerns the process as a whole. All of nginx's directives are read and checked
// with its texts. Read and kept, but without effect: timer_resolution (the clock is read once per event anyway), lock_file
// (there is no accept mutex that needs one) and pcre_jit (Node's regular expressions are compiled anyway).

import { type CpuAffinity, readCpuAffinity } from './cpu_affinity.ts'
import { type ErrorLogSetting, errorLogDirective } from './error_log.ts'
import { type EventsConf, events } from './events_directives.ts'
import { mergeLevel, newLevel, ownOf } from './level.ts'
import { slotsFor } from './slots.ts'
import type { ConfigCursor, ConfigOwner, Directive } from './types.ts'
import { parseInteger } from './units.ts'
import { readUser, type WorkerUser } from './users.ts'

/** A variable of the workers' environment. */
export interface EnvRequest {
  readonly name: string
  /** undefined: the master's own value, if it has one. */
  readonly value: string | undefined
}

export interface CoreConf {
  daemon: boolean
  /** False: one process does everything. */
  masterProcess: boolean
  /** 0 is allowed: a master without workers. `auto` has become a number. */
  workerProcesses: number
  /** Full name. */
  pid: string
  /** Full name. */
  lockFile: string
  /** undefined: the master is not root, workers run as it does. */
  user: WorkerUser | undefined
  /** Empty: the built-in log (`-e`), from level error on. */
  errorLog: readonly ErrorLogSetting[]
  env: readonly EnvRequest[]
  /** Full name, or undefined for the current folder. */
  workingDirectory: string | undefined
  /** Nice value; 0 leaves it as it is. */
  workerPriority: number
  workerRlimitNofile: number | undefined
  workerRlimitCoreBytes: number | undefined
  workerCpuAffinity: CpuAffinity | undefined
  /** 0: a worker that shuts down waits for its requests without limit. */
  workerShutdownTimeoutMs: number
  timerResolutionMs: number
  debugPoints: 'stop' | 'abort' | undefined
  pcreJit: boolean
  /** undefined: there is no `events` block. */
  events: Readonly<EventsConf> | undefined
}

/** `pid`, `lockFile` are relative to the prefix here; core_settings.ts completes them. */
const defaults: Readonly<CoreConf> = Object.freeze({
  daemon: true,
  masterProcess: true,
  workerProcesses: 1,
  pid: 'logs/sluice.pid',
  lockFile: 'logs/sluice.lock',
  user: undefined,
  errorLog: [],
  env: [],
  workingDirectory: undefined,
  workerPriority: 0,
  workerRlimitNofile: undefined,
  workerRlimitCoreBytes: undefined,
  workerCpuAffinity: undefined,
  workerShutdownTimeoutMs: 0,
  timerResolutionMs: 0,
  debugPoints: undefined,
  pcreJit: false,
  events: undefined,
})

const MAIN = ['main'] as const
const slot = slotsFor<CoreConf>()

const directives: Readonly<Record<string, Directive<CoreConf>>> = {
  daemon: slot.flag(MAIN, 'daemon'),
  master_process: slot.flag(MAIN, 'masterProcess'),
  worker_processes: { in: MAIN, args: 1, set: setWorkerProcesses },
  pid: slot.path(MAIN, 'pid', 'prefix'),
  lock_file: slot.path(MAIN, 'lockFile', 'prefix'),
  user: { in: MAIN, args: [1, 2], set: setUser },
  error_log: errorLogDirective(MAIN),
  env: { in: MAIN, args: 1, set: addEnv },
  working_directory: slot.string(MAIN, 'workingDirectory'),
  worker_priority: { in: MAIN, args: 1, set: setWorkerPriority },
  worker_rlimit_nofile: slot.integer(MAIN, 'workerRlimitNofile'),
  worker_rlimit_core: slot.offset(MAIN, 'workerRlimitCoreBytes'),
  worker_cpu_affinity: { in: MAIN, args: [1, Number.POSITIVE_INFINITY], set: setWorkerCpuAffinity },
  worker_shutdown_timeout: slot.timeMs(MAIN, 'workerShutdownTimeoutMs'),
  timer_resolution: slot.timeMs(MAIN, 'timerResolutionMs'),
  debug_points: slot.oneOf(MAIN, 'debugPoints', ['stop', 'abort']),
  pcre_jit: slot.flag(MAIN, 'pcreJit'),
  load_module: { in: MAIN, args: 1, set: refuseModule },
  events: { in: MAIN, args: 0, block: true, set: readEvents },
}

export const core = { id: 0, name: 'core', defaults, directives } satisfies ConfigOwner & { defaults: CoreConf }

/** Ids from here on are free for other owners. */
export const FIRST_FREE_OWNER_ID = 2

function setWorkerProcesses(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.workerProcesses !== undefined) cf.failDirective('is duplicate')
  const text = cf.args[1] ?? ''
  own.workerProcesses = text === 'auto' ? cf.facts.cpus : (parseInteger(text) ?? cf.failDirective('invalid value'))
}

function setUser(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.user !== undefined) cf.failDirective('is duplicate')
  if (cf.facts.euid !== 0) {
    cf.warn('the "user" directive makes sense only if the master process runs with super-user privileges, ignored')
    return
  }
  own.user = readUser(cf)
}

function addEnv(cf: ConfigCursor, own: Partial<CoreConf>): void {
  const text = cf.args[1] ?? ''
  const equals = text.indexOf('=')
  const request = equals < 0 ? { name: text, value: undefined } : splitAt(text, equals)
  own.env = [...(own.env ?? []), request]
}

function splitAt(text: string, equals: number): EnvRequest {
  return { name: text.slice(0, equals), value: text.slice(equals + 1) }
}

function setWorkerPriority(cf: ConfigCursor, own: Partial<CoreConf>): void {
  // nginx takes 0 for unset: a second directive after `0` is no duplicate.
  if (own.workerPriority) cf.failDirective('is duplicate')
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/s.exec(cf.args[1] ?? '') ?? []
  const value = parseInteger(digits) ?? cf.failDirective('invalid number')
  own.workerPriority = sign === '-' ? -value : value
}

function setWorkerCpuAffinity(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.workerCpuAffinity !== undefined) cf.failDirective('is duplicate')
  own.workerCpuAffinity = readCpuAffinity(cf)
}

/** nginx would load a shared object; its modules are compiled against its own structures and cannot work here. */
function refuseModule(cf: ConfigCursor): void {
  cf.fail(`module "${cf.args[1]}" cannot be loaded, sluice has no dynamic modules`)
}

function readEvents(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.events !== undefined) cf.failDirective('is duplicate')
  const level = newLevel('events', cf.level)
  cf.block(level)
  own.events = mergeLevel<EventsConf>(events.defaults, ownOf<EventsConf>(level, events))
}
