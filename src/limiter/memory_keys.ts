// What the limits of a zone in one process's memory share: the nodes, the clock and the counters; and how a key becomes
// the id of a node.

import type { MemoryNodes } from './memory_nodes.ts'
import { MAX_KEY_BYTES } from './options.ts'
import type { Key } from './types.ts'

export interface MemoryKeys {
  readonly nodes: MemoryNodes
  /** Whole milliseconds of a clock that does not jump. */
  readonly nowMs: () => number
  readonly counters: { passed: number; delayed: number; rejected: number }
}

export type NodeKind = 'limit' | 'window'

/**
 * One char for each byte of the key, behind what it belongs to. Undefined for a key that is not accounted: an empty one,
 * or one that is too long, as with nginx.
 */
export function nodeId(kind: NodeKind, name: string, key: Key): string | undefined {
  const bytes = latin1(key)
  if (bytes === '' || bytes.length + name.length > MAX_KEY_BYTES) return undefined
  return prefix(kind, name) + bytes
}

/** The key of a node that belongs to a limit of this name. */
export function keyBytes(name: string, id: string): Uint8Array {
  return Buffer.from(id.slice(prefix('limit', name).length), 'latin1')
}

/** Of all ids of a limit. Lengths first, so that no name can reach into a key. */
export function prefix(kind: NodeKind, name: string): string {
  return `${kind}:${name.length}:${name}:`
}

function latin1(key: Key): string {
  if (typeof key === 'string') return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key).toString('latin1')
  if (key instanceof Uint8Array) return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
  throw new TypeError(`a key is text or bytes, not ${typeof key}`)
}
