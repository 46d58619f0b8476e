// Which core is whose. The proxy has one of its own; load and origin share another, and have one each where there are three.

import { cpus } from 'node:os'

export const PROXY_CORE = 0
export const LOAD_CORE = 1
export const ORIGIN_CORE = cpus().length > 2 ? 2 : LOAD_CORE

/** The command, bound to one core. */
export function pinned(core: number, command: readonly string[]): string[] {
  return ['taskset', '-c', String(core), ...command]
}
