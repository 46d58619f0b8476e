// The built addon, and zones in memory that a second process can map.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Addon, CheckLimits, LimitReqZone } from '../../src/native/addon.ts'
import { PACKAGE_ROOT } from '../../test/harness/commands.ts'

/** Compiled tests live elsewhere than the program; the addon is found beside the program. */
const built = (await import(pathToFileURL(join(PACKAGE_ROOT, 'dist/native/addon.js')).href)) as { addon: Addon }

export const { addon } = built

export const ZONE_NAME = 'bench'

/** One limit whose burst nobody exhausts: every decision finds its key and charges it. */
export function compileCheck(zone: LimitReqZone): CheckLimits {
  const limit = {
    zone,
    rate: 1_000_000,
    burst: Number.POSITIVE_INFINITY,
    delay: Number.POSITIVE_INFINITY,
    dryRun: false,
  }
  return addon.compileLimits([limit], new Float64Array(2))
}
