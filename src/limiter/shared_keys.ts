// What the limits of a zone in shared memory have in common: the zone, and how a limit's name is part of its keys.

import type { Addon, LimitReqZone } from '../native/addon.ts'
import { LIMIT_NAME_NO_ROOM, LIMIT_NAME_OTHER_ALGORITHM } from '../native/limit_codes.ts'
import { type NameKind, noWindows, otherAlgorithm, ZoneError } from './zone_error.ts'

export interface SharedKeys {
  readonly addon: Addon
  readonly zone: LimitReqZone
  /** Instead of the machine's, for tests. */
  readonly clock: Float64Array | undefined
  /** Whether keys begin with the name of their limit; those of the proxy do not. */
  readonly isNamed: boolean
}

/** The numbers of LimitAlgorithm in native/core/limit_keys.h. */
const ALGORITHMS = { limit: 1, window: 2 } as const

/**
 * What the keys of a limit begin with, as bytes. All processes must mean the same by a name, so the zone keeps what it
 * means.
 * @throws ZoneError
 */
export function claimName({ addon, zone, isNamed }: SharedKeys, kind: NameKind, name: string): string {
  if (!isNamed) {
    if (kind === 'window') throw noWindows(name)
    return ''
  }
  switch (addon.registerLimitName(zone, latin1(name), ALGORITHMS[kind])) {
    case LIMIT_NAME_OTHER_ALGORITHM:
      throw otherAlgorithm(name, kind)
    case LIMIT_NAME_NO_ROOM:
      throw new ZoneError(`the zone is too small for ${kind} "${name}"`)
  }
  return `${latin1(name)}\0`
}

/** The UTF-8 bytes of a text, one char each. */
export function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}
