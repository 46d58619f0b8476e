// What the limits of a zone in one process's memory share: the nodes, the names, the clock and the counters; and how a key
// becomes the id of a node.

import type { MemoryNodes } from './memory_nodes.ts'
import { checkKey, MAX_KEY_BYTES } from './options.ts'
import type { Key } from './types.ts'
import { type NameKind, noWindows, otherAlgorithm } from './zone_error.ts'

/** The keys of a zone. Whoever opens it has an object of its own, whose parts are the same. */
export interface MemoryKeys {
  readonly nodes: MemoryNodes
  /** What a name means, for as long as the zone is there. */
  readonly names: Map<string, NameKind>
  readonly isNamed: boolean
  /** Whole milliseconds of a clock that does not jump. */
  readonly nowMs: () => number
  readonly counters: { passed: number; delayed: number; rejected: number }
}

/**
 * What the ids of a limit's nodes begin with: its kind and its name, lengths first, so that no name can reach into a key.
 * @throws ZoneError when the name means something else
 */
export function claimPrefix({ names, isNamed }: MemoryKeys, kind: NameKind, name: string): string {
  if (!isNamed) {
    if (kind === 'window') throw noWindows(name)
    return `${kind}:0::`
  }
  const known = names.get(name)
  if (known !== undefined && known !== kind) throw otherAlgorithm(name, kind)
  names.set(name, kind)
  return `${kind}:${name.length}:${name}:`
}

/** How many bytes of a key the name of its limit takes. */
export function nameBytes({ isNamed }: MemoryKeys, name: string): number {
  return isNamed ? Buffer.byteLength(name) + 1 : 0
}

/**
 * One char for each byte of the key, behind its limit's prefix. Undefined for a key that is not accounted: an empty one, or
 * one that is too long, as with nginx.
 */
export function nodeId(prefix: string, taken: number, key: Key): string | undefined {
  const bytes = latin1(key)
  return bytes === '' || taken + bytes.length > MAX_KEY_BYTES ? undefined : prefix + bytes
}

/** The key in an id. */
export function keyBytes(prefix: string, id: string): Uint8Array {
  return Buffer.from(id.slice(prefix.length), 'latin1')
}

function latin1(key: Key): string {
  checkKey(key)
  if (typeof key === 'string') return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key).toString('latin1')
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
