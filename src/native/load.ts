// Where the addon's file is, and what becomes of a system that has none.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Addon } from './addon.ts'

let tried = false
let loaded: Addon | undefined

/** A clone's own build, or the one of prebuilds/ for this processor and C library. Throws where there is none. */
export function requireAddon(): Addon {
  const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as (packageRoot: string) => unknown
  return nodeGypBuild(join(import.meta.dirname, '../..')) as Addon
}

/** Undefined where there is no addon; a warning says why one that is there cannot be loaded. */
export function loadAddon(): Addon | undefined {
  if (tried) return loaded
  tried = true
  try {
    loaded = requireAddon()
  } catch (error) {
    const { message } = error as Error
    if (!message.startsWith('No native build was found')) {
      process.emitWarning(`the addon cannot be loaded: ${message}`, { type: 'SluiceWarning', code: 'SLUICE_ADDON' })
    }
  }
  return loaded
}
