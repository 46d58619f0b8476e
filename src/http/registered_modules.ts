// The modules of this process, given once by the composition root: the core cannot import modules/ (they import it), but
// an http block needs their variables from its first line on.

import type { AnyHttpModule } from './module.ts'

let modules: readonly AnyHttpModule[] = []

/** Called once before any configuration is read. The core module is the first of the list. */
export function registerModules(list: readonly AnyHttpModule[]): void {
  modules = list
}

export function registeredModules(): readonly AnyHttpModule[] {
  return modules
}
