// A token bucket for each key in one process's memory. Same decisions as the shared zone: nginx's two passes over all
// limits of a request, so that all are charged or none is.

import { allowed, type Bucket, isExpired, isInDebt, owed, refused, type Terms, TICKS } from './bucket.ts'
import { keyBytes, type MemoryKeys, nodeId } from './memory_keys.ts'
import type { MemoryNode } from './memory_nodes.ts'
import { type CompiledLimit, compileLimit, costOf } from './options.ts'
import type { TickRate } from './rate.ts'
import type { BusyKey, CheckOptions, CheckResult, Key, Limit, LimitOptions, WaitOptions } from './types.ts'
import { afterDelay } from './wait.ts'

class BucketNode implements MemoryNode, Bucket {
  readonly id: string
  readonly limit: MemoryLimit
  referenced = false
  last: number
  excess = 0
  /** Of the latest check: it says how fast the debt drains. */
  rate: TickRate

  constructor(id: string, limit: MemoryLimit, rate: TickRate, nowMs: number) {
    this.id = id
    this.limit = limit
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
  readonly keys: MemoryKeys
  readonly #compiled: CompiledLimit

  constructor(keys: MemoryKeys, options: LimitOptions) {
    this.#compiled = compileLimit(options)
    this.keys = keys
    this.name = options.name
    this.burst = this.#compiled.burst / TICKS
  }

  check(key: Key, options?: CheckOptions): CheckResult {
    return checkTogether(this.keys, [[this, key]], costOf(options))
  }

  wait(key: Key, options?: WaitOptions): Promise<CheckResult> {
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason)
    return afterDelay(this.check(key, options), options?.signal)
  }

  peek(key: Key, options?: CheckOptions): CheckResult {
    const cost = costOf(options) * TICKS
    const terms = this.termsOf(key)
    const nowMs = this.keys.nowMs()
    const node = this.find(key)
    const after = owed(node, terms.rate, nowMs) + cost
    return cost > 0 && after > terms.burst ? refused(node, cost, terms, nowMs) : allowed(after, terms)
  }

  reset(key: Key): boolean {
    const node = this.find(key)
    if (node !== undefined) this.keys.nodes.remove(node)
    return node !== undefined
  }

  top(n: number): BusyKey[] {
    const nowMs = this.keys.nowMs()
    const busy: BusyKey[] = []
    for (const node of this.keys.nodes.values()) {
      if (!(node instanceof BucketNode) || node.limit.name !== this.name) continue
      const excess = Math.max(0, owed(node, node.rate, nowMs)) / TICKS
      if (excess > 0) busy.push({ key: keyBytes(this.name, node.id), excess })
    }
    return busy.sort((a, b) => b.excess - a.excess).slice(0, n)
  }

  /** The bucket of a key, or undefined; for a key that is not accounted, too. */
  find(key: Key): BucketNode | undefined {
    const id = nodeId('limit', this.name, key)
    const node = id === undefined ? undefined : this.keys.nodes.find(id)
    return node as BucketNode | undefined
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
  readonly limit: MemoryLimit
  readonly terms: Terms
  node: BucketNode | undefined
  /** Inserted by this decision, and thereby charged with its first request. */
  fresh: boolean
}

/** Decides all, charges all or none. `cost` in requests. */
export function checkTogether(keys: MemoryKeys, checks: readonly Check[], cost: number): CheckResult {
  const entries: Entry[] = []
  for (const check of checks) {
    const [limit, key] = check
    const id = nodeId('limit', limit.name, key)
    if (id === undefined) continue
    entries.push({ check, id, limit, terms: limit.termsOf(key), node: limit.find(key), fresh: false })
  }
  const last = checks.at(-1)
  if (last === undefined) throw new RangeError('no limit to check')
  const nowMs = keys.nowMs()
  const ticks = cost * TICKS
  const { counters } = keys
  // First look at all.
  for (const { node, terms } of entries) {
    if (node !== undefined) node.referenced = true
    if (cost > 0 && owed(node, terms.rate, nowMs) + ticks > terms.burst) {
      ++counters.rejected
      return refused(node, ticks, terms, nowMs)
    }
  }
  // Then find room for new keys; still nothing is charged for good.
  const full = cost > 0 ? insertNew(keys, entries, nowMs) : undefined
  if (full !== undefined) {
    ++counters.rejected
    return refused(undefined, ticks, full.terms, nowMs)
  }
  // Then charge, from the last to the first; of equal delays that of the later limit counts. A key that is not accounted
  // owes nothing.
  let decisive = entries.at(-1)?.check === last ? undefined : notAccounted(last)
  for (const entry of entries.reverse()) {
    const result = charge(entry, ticks, nowMs)
    if (result.delayMs > 0) ++counters.delayed
    else ++counters.passed
    if (decisive === undefined || result.delayMs > decisive.delayMs) decisive = result
  }
  return decisive ?? notAccounted(last)
}

function notAccounted([limit, key]: Check): CheckResult {
  return allowed(-TICKS, limit.termsOf(key))
}

function charge({ node, terms, fresh }: Entry, ticks: number, nowMs: number): CheckResult {
  if (node === undefined || ticks === 0) return allowed(owed(node, terms.rate, nowMs), terms)
  const debt = fresh ? ticks - TICKS : owed(node, terms.rate, nowMs) + ticks
  node.excess = debt
  node.rate = terms.rate
  // A clock that is slightly behind must not take the bucket back with it.
  if (nowMs > node.last || nowMs < node.last - 60_000) node.last = nowMs
  return allowed(debt, terms)
}

/** The entry for which there was no room; then nothing was inserted. */
function insertNew(keys: MemoryKeys, entries: readonly Entry[], nowMs: number): Entry | undefined {
  if (entries.every((entry) => entry.node !== undefined)) return undefined
  const pinned = new Set<MemoryNode>(entries.flatMap((entry) => entry.node ?? []))
  for (const entry of entries) {
    // The same key may stand twice in the list.
    entry.node ??= keys.nodes.find(entry.id) as BucketNode | undefined
    if (entry.node !== undefined) continue
    const node = new BucketNode(entry.id, entry.limit, entry.terms.rate, nowMs)
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
