// What is wrong with a zone, in the same words whatever keeps it.

export class ZoneError extends Error {
  override readonly name = 'ZoneError'
  readonly code = 'ERR_ZONE'
}

/** What keys of a name are: those of a limit, or of a window. */
export type NameKind = 'limit' | 'window'

/** All processes must mean the same by a name. */
export function otherAlgorithm(name: string, kind: NameKind): ZoneError {
  return new ZoneError(`"${name}" is a ${kind === 'limit' ? 'window' : 'limit'} in this zone, not a ${kind}`)
}

/** The keys of the proxy's zones bear no names that could tell a window from a bucket. */
export function noWindows(name: string): ZoneError {
  return new ZoneError(`window "${name}": a zone of the proxy has buckets only`)
}

export function closedZone(name: string): ZoneError {
  return new ZoneError(`zone "${name}" is closed`)
}

/** In the place of the functions of a limit whose zone was closed. */
export function closed(): never {
  throw new ZoneError('the zone of this limit is closed')
}
