// A token bucket for each key in one process's memory. Same decisions as the shared zone: nginx's two passes over all
// limits of a request, so that all are charged or none is.

import {
  allowed,
  type Bucket,
  elapsedMs,
  isExpired,
  isFresh,
  isInDebt,
  noRoom,
  owed,
  refused,
  type Terms,
  TICKS,
} from './bucket.ts'
import { claimPrefix, keyBytes, type MemoryKeys, nameBytes, nodeId } from './memory_keys.ts'
import type { MemoryNode } from './memory_nodes.ts'
import { type CompiledLimit, checkCount, compileLimit, costOf } from './options.ts'
import type { TickRate } from './rate.ts'
import type { BusyKey, CheckOptions, CheckResult, Key, Limit, LimitOptions, WaitOptions } from './types.ts'
import { afterDelay } from './wait.ts'
import { closed } from './zone_error.ts'

class BucketNode implements MemoryNode, Bucket {
  readonly id: string
  referenced = false
  last: number
  excess: number
  /** Of the latest check: it says how fast the debt drains. */
  rate: TickRate

  constructor(id: string, excess: number, rate: TickRate, nowMs: number) {
    this.id = id
    this.excess = excess
    this.rate = rate
    this.last = nowMs
  }

  isExpired(nowMs: number): boolean {
    return isExpired(this, this.rate, nowMs)
  }

  isInDebt(nowMs: number): boolean {
    return isInDebt(this, this.rate, nowMs)
  }
}

export class MemoryLimit implements Limit {
  readonly name: string
  readonly burst: number
  readonly #compiled: CompiledLimit
  readonly #prefix: string
  readonly #nameBytes: number
  #keys: MemoryKeys | undefined

  constructor(keys: MemoryKeys, options: LimitOptions) {
    this.#compiled = compileLimit(options)
    this.#keys = keys
    this.name = options.name
    this.burst = this.#compiled.burst / TICKS
    this.#prefix = claimPrefix(keys, 'limit', this.name)
    this.#nameBytes = nameBytes(keys, this.name)
  }

  get keys(): MemoryKeys {
    return this.#keys ?? closed()
  }

  check(key: Key, options?: CheckOptions): CheckResult {
    return checkTogether(this.keys, [[this, key]], costOf(options))
  }

  async wait(key: Key, options?: WaitOptions): Promise<CheckResult> {
    options?.signal?.throwIfAborted()
    return afterDelay(this.check(key, options), options?.signal)
  }

  peek(key: Key, options?: CheckOptions): CheckResult {
    const cost = costOf(options) * TICKS
    const terms = this.termsOf(key)
    const nowMs = this.keys.nowMs()
    const id = this.idOf(key)
    if (id === undefined) return allowed(-TICKS, terms)
    const node = this.find(id)
    const after = owed(node, terms.rate, nowMs) + cost
    return cost > 0 && after > terms.burst ? refused(node, cost, terms, nowMs) : allowed(after, terms)
  }

  reset(key: Key): boolean {
    const id = this.idOf(key)
    const node = id === undefined ? undefined : this.find(id)
    if (node === undefined) return false
    this.keys.nodes.remove(node)
    return !isFresh(node, node.rate, this.keys.nowMs())
  }

  top(n: number): BusyKey[] {
    checkCount(n)
    const nowMs = this.keys.nowMs()
    const busy: BusyKey[] = []
    for (const node of this.keys.nodes.values()) {
      if (!(node instanceof BucketNode && node.id.startsWith(this.#prefix))) continue
      const excess = Math.max(0, owed(node, node.rate, nowMs)) / TICKS
      if (excess > 0) busy.push({ key: keyBytes(this.#prefix, node.id), excess })
    }
    return busy.sort((a, b) => b.excess - a.excess).slice(0, n)
  }

  close(): void {
    this.#keys = undefined
  }

  /** Undefined for a key that is not accounted. */
  idOf(key: Key): string | undefined {
    return nodeId(this.#prefix, this.#nameBytes, key)
  }

  find(id: string): BucketNode | undefined {
    return this.keys.nodes.find(id) as BucketNode | undefined
  }

  termsOf(key: Key): Terms {
    const { rateOf, burst, delay } = this.#compiled
    return { rate: rateOf(key), burst, delay }
  }
}

type Check = readonly [limit: MemoryLimit, key: Key]

/** One limit of several, while they are decided together. */
interface Entry {
  readonly check: Check
  readonly id: string
  readonly terms: Terms
  /** Ticks of entries before this one with the same bucket, which must have room for both. */
  readonly pending: number
  /** What the bucket owes when this one and those before it are charged. */
  owed: number
  node: BucketNode | undefined
  /** Inserted by this decision, and thereby charged with its first request. */
  fresh: boolean
}

/** Decides all, charges all or none. `cost` in requests. */
export function checkTogether(keys: MemoryKeys, checks: readonly Check[], cost: number): CheckResult {
  const entries: Entry[] = []
  const ticks = cost * TICKS
  for (const check of checks) {
    const [limit, key] = check
    const id = limit.idOf(key)
    if (id === undefined) continue
    const pending = ticks * entries.filter((entry) => entry.id === id).length
    entries.push({ check, id, terms: limit.termsOf(key), pending, owed: 0, node: limit.find(id), fresh: false })
  }
  const nowMs = keys.nowMs()
  const { counters } = keys
  // First look at all.
  for (const entry of entries) {
    const { node, terms, pending } = entry
    if (node !== undefined) node.referenced = true
    entry.owed = owed(node, terms.rate, nowMs) + pending + ticks
    if (cost > 0 && entry.owed > terms.burst) {
      ++counters.rejected
      return refused(node, ticks, terms, nowMs, pending)
    }
  }
  // Then find room for new keys; still nothing is charged for good.
  const full = cost > 0 ? insertNew(keys, entries, ticks, nowMs) : undefined
  if (full !== undefined) return noRoom(ticks, full.terms)
  // Then charge, from the last to the first; of equal delays that of the later limit counts. A key that is not accounted
  // owes nothing.
  const last = checks.at(-1) as Check
  let decisive = entries.at(-1)?.check === last ? undefined : notAccounted(last)
  for (const entry of entries.reverse()) {
    charge(entry, ticks, nowMs)
    const result = allowed(entry.owed, entry.terms)
    if (result.delayMs > 0) ++counters.delayed
    else ++counters.passed
    if (decisive === undefined || result.delayMs > decisive.delayMs) decisive = result
  }
  return decisive ?? notAccounted(last)
}

function notAccounted([limit, key]: Check): CheckResult {
  return allowed(-TICKS, limit.termsOf(key))
}

function charge({ node, terms, fresh }: Entry, ticks: number, nowMs: number): void {
  if (node === undefined || fresh || ticks === 0) return
  node.excess = owed(node, terms.rate, nowMs) + ticks
  node.rate = terms.rate
  // A clock that is slightly behind must not take the bucket back with it.
  if (elapsedMs(nowMs, node.last) !== 0) node.last = nowMs
}

/** The entry for which there was no room; then nothing was inserted. */
function insertNew(keys: MemoryKeys, entries: readonly Entry[], ticks: number, nowMs: number): Entry | undefined {
  if (entries.every((entry) => entry.node !== undefined)) return undefined
  const pinned = new Set<MemoryNode>(entries.flatMap((entry) => entry.node ?? []))
  for (const entry of entries) {
    // The same key may stand twice in the list.
    entry.node ??= keys.nodes.find(entry.id) as BucketNode | undefined
    if (entry.node !== undefined) continue
    const node = new BucketNode(entry.id, ticks - TICKS, entry.terms.rate, nowMs)
    if (!keys.nodes.insert(node, nowMs, pinned)) {
      for (const { fresh, node: inserted } of entries) if (fresh && inserted) keys.nodes.remove(inserted)
      return entry
    }
    entry.node = node
    entry.fresh = true
    pinned.add(node)
  }
  return undefined
}
