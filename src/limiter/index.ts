// `import { openZone } from 'sluice'`: the limiter as a library. Importing it loads nothing of the proxy; the addon is
// loaded by the first zone that is opened.

import { loadAddon } from '../native/load.ts'
import { openMemoryZone } from './memory_zone.ts'
import { openSharedZone } from './shared_zone.ts'
import type { Zone, ZoneOptions } from './types.ts'

export type {
  BusyKey,
  CheckOptions,
  CheckResult,
  HitOptions,
  Key,
  Limit,
  LimitOptions,
  Rate,
  WaitOptions,
  WindowLimit,
  WindowOptions,
  WindowState,
  Zone,
  ZoneOptions,
  ZoneStats,
} from './types.ts'

/**
 * Opens a zone by its name: memory that all processes of the machine share which open the same name. Whoever comes first
 * makes it, in any order. Where there is no addon for the system, the zone serves this process only, and says so once.
 *
 * @throws TypeError or RangeError for wrong options
 * @throws Error with code `ERR_ZONE` when the file is no zone that can be shared: another size, key or layout, another
 * user's, open to others, a link
 * @throws the system's error when there is no room (`ENOSPC`) or no right
 */
export function openZone(name: string, options: ZoneOptions = {}): Zone {
  const addon = loadAddon()
  return addon === undefined ? openMemoryZone(name, options) : openSharedZone(addon, name, options)
}
