// A counter for each key that begins anew when its window ends, in one process's memory.

import { CLOCK_LAG_MS } from './bucket.ts'
import { claimPrefix, type MemoryKeys, nameBytes, nodeId } from './memory_keys.ts'
import type { MemoryNode } from './memory_nodes.ts'
import { checkWindow, costOf, type HitTerms, hitTermsOf } from './options.ts'
import { MAX_PERIOD_MS, MAX_TICKS } from './rate.ts'
import type { CheckOptions, HitOptions, Key, WindowLimit, WindowOptions, WindowState } from './types.ts'
import { closed } from './zone_error.ts'

const NOBODY: ReadonlySet<MemoryNode> = new Set()

class WindowNode implements MemoryNode {
  readonly id: string
  referenced = false
  count: number
  endMs: number

  constructor(id: string, count: number, endMs: number) {
    this.id = id
    this.count = count
    this.endMs = endMs
  }

  isRunning(nowMs: number): boolean {
    return nowMs < this.endMs
  }

  isExpired(nowMs: number): boolean {
    return nowMs - CLOCK_LAG_MS >= this.endMs
  }

  /** More than one hit would be forgiven. */
  isInDebt(nowMs: number): boolean {
    return this.count > 1 && this.isRunning(nowMs)
  }
}

export class MemoryWindow implements WindowLimit {
  readonly name: string
  readonly windowMs: number
  readonly #prefix: string
  readonly #nameBytes: number
  #keys: MemoryKeys | undefined

  constructor(keys: MemoryKeys, options: WindowOptions) {
    checkWindow(options)
    this.name = options.name
    this.windowMs = options.windowMs
    this.#keys = keys
    this.#prefix = claimPrefix(keys, 'window', this.name)
    this.#nameBytes = nameBytes(keys, this.name)
  }

  hit(key: Key, options: HitOptions = {}): WindowState {
    const cost = costOf(options)
    const terms = hitTermsOf(options, this.windowMs)
    const { nodes, counters, nowMs } = this.#open()
    const id = nodeId(this.#prefix, this.#nameBytes, key)
    if (id === undefined) return { count: 0, resetMs: terms.windowMs }
    const now = nowMs()
    const node = nodes.find(id) as WindowNode | undefined
    const running = node?.isRunning(now) === true
    const count = Math.min((running ? node.count : 0) + cost, MAX_TICKS)
    const resetMs = restartedMs(terms, count) ?? (running ? node.endMs - now : terms.windowMs)
    if (node === undefined) {
      // Where even one key finds no room each hit is the first of its window.
      if (nodes.insert(new WindowNode(id, count, now + resetMs), now, NOBODY)) ++counters.passed
    } else {
      node.referenced = true
      node.count = count
      node.endMs = now + resetMs
      ++counters.passed
    }
    return { count, resetMs }
  }

  decrement(key: Key, options?: CheckOptions): void {
    const cost = costOf(options)
    const node = this.#running(key)
    if (node !== undefined) node.count = Math.max(0, node.count - cost)
  }

  get(key: Key): WindowState | undefined {
    const node = this.#running(key)
    return node === undefined ? undefined : { count: node.count, resetMs: node.endMs - this.#open().nowMs() }
  }

  reset(key: Key): boolean {
    const node = this.#running(key)
    if (node !== undefined) this.#open().nodes.remove(node)
    return node !== undefined
  }

  resetAll(): void {
    const { nodes } = this.#open()
    for (const node of nodes.values()) {
      if (node.id.startsWith(this.#prefix)) nodes.remove(node)
    }
  }

  close(): void {
    this.#keys = undefined
  }

  #running(key: Key): WindowNode | undefined {
    const { nodes, nowMs } = this.#open()
    const id = nodeId(this.#prefix, this.#nameBytes, key)
    const node = id === undefined ? undefined : (nodes.find(id) as WindowNode | undefined)
    return node?.isRunning(nowMs()) === true ? node : undefined
  }

  #open(): MemoryKeys {
    return this.#keys ?? closed()
  }
}

/** How long a window runs from the hit that makes `count`; undefined: it runs on. */
function restartedMs({ windowMs, restartAbove, doubles }: HitTerms, count: number): number | undefined {
  if (count <= restartAbove) return undefined
  return Math.min(doubles ? windowMs * 2 ** (count - restartAbove - 1) : windowMs, MAX_PERIOD_MS)
}
