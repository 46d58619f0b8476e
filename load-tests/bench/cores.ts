// Which core is whose. The proxy has one of its own; load and origin share another, and have one each where there are three.

import { cpus } from 'node:os'

export const PROXY_CORE = 0
export const LOAD_CORE = 1
export const ORIGIN_CORE = cpus().length > 2 ? 2 : LOAD_CORE

/** All but the load's and the origin's: where several workers may run. */
export const WORKER_CORES = cpus()
  .map((_, core) => core)
  .filter((core) => core !== LOAD_CORE && core !== ORIGIN_CORE)

/** The command, bound to a core or a list of them (`0,3`). */
export function pinned(core: number | string, command: readonly string[]): string[] {
  return ['taskset', '-c', String(core), ...command]
}
