// `zone=NAME:SIZE`, as the directives that declare a shared memory zone of limits have it.

import type { ConfigCursor } from '../config/types.ts'
import { parseSize } from '../config/units.ts'

/** 8 pages, nginx's least. */
const MIN_ZONE_BYTES = 8 * 4096

/** Reads the whole parameter, `zone=` included. Fails in nginx's words; an empty name is the caller's to refuse. */
export function parseZoneParameter(cf: ConfigCursor, parameter: string): { name: string; sizeBytes: number } {
  const text = parameter.slice('zone='.length)
  // The first colon: a name cannot have one.
  const colon = text.indexOf(':')
  const sizeBytes = colon < 0 ? undefined : parseSize(text.slice(colon + 1))
  if (sizeBytes === undefined) cf.fail(`invalid zone size "${parameter}"`)
  if (sizeBytes < MIN_ZONE_BYTES) cf.fail(`zone "${parameter}" is too small`)
  return { name: text.slice(0, colon), sizeBytes }
}
