// All axes, in the order of the table. A new one is a file here and its line below.

import type { Axis } from '../axis.ts'
import { connections } from './connections.ts'
import { limits } from './limits.ts'
import { locationLengths } from './location_lengths.ts'
import { mapEntries } from './map_entries.ts'
import { prefixLocations } from './prefix_locations.ts'
import { regexLocations } from './regex_locations.ts'
import { serverNames } from './server_names.ts'
import { zoneKeys } from './zone_keys.ts'

export const AXES: readonly Axis[] = [
  connections,
  prefixLocations,
  locationLengths,
  regexLocations,
  serverNames,
  mapEntries,
  limits,
  zoneKeys,
]
