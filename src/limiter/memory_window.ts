// A counter for each key that begins anew when its window ends, in one process's memory.

import { type MemoryKeys, nodeId, prefix } from './memory_keys.ts'
import type { MemoryNode } from './memory_nodes.ts'
import { checkWindow, costOf } from './options.ts'
import type { CheckOptions, Key, WindowLimit, WindowOptions, WindowState } from './types.ts'

const NOBODY: ReadonlySet<MemoryNode> = new Set()

class WindowNode implements MemoryNode {
  readonly id: string
  referenced = false
  count = 0
  startMs: number
  windowMs: number

  constructor(id: string, nowMs: number, windowMs: number) {
    this.id = id
    this.startMs = nowMs
    this.windowMs = windowMs
  }

  isExpired(nowMs: number): boolean {
    return nowMs - this.startMs >= this.windowMs
  }

  isInDebt(nowMs: number): boolean {
    return this.count > 0 && !this.isExpired(nowMs)
  }

  state(nowMs: number): WindowState {
    // A clock that is slightly behind does not lengthen the window.
    return { count: this.count, resetMs: Math.min(this.windowMs, this.startMs + this.windowMs - nowMs) }
  }
}

export class MemoryWindow implements WindowLimit {
  readonly name: string
  readonly windowMs: number
  readonly #keys: MemoryKeys

  constructor(keys: MemoryKeys, options: WindowOptions) {
    checkWindow(options)
    this.name = options.name
    this.windowMs = options.windowMs
    this.#keys = keys
  }

  hit(key: Key, options?: CheckOptions): WindowState {
    const cost = costOf(options)
    const nowMs = this.#keys.nowMs()
    const id = nodeId('window', this.name, key)
    if (id === undefined) return { count: 0, resetMs: this.windowMs }
    let node = this.#keys.nodes.find(id) as WindowNode | undefined
    if (node === undefined) {
      node = new WindowNode(id, nowMs, this.windowMs)
      // Where even one key finds no room each hit is the first of its window.
      this.#keys.nodes.insert(node, nowMs, NOBODY)
    } else if (node.isExpired(nowMs)) {
      node.count = 0
      node.startMs = nowMs
      node.windowMs = this.windowMs
    }
    node.referenced = true
    node.count += cost
    ++this.#keys.counters.passed
    return node.state(nowMs)
  }

  decrement(key: Key, options?: CheckOptions): void {
    const cost = costOf(options)
    const node = this.#running(key)
    if (node !== undefined) node.count = Math.max(0, node.count - cost)
  }

  get(key: Key): WindowState | undefined {
    return this.#running(key)?.state(this.#keys.nowMs())
  }

  reset(key: Key): boolean {
    const node = this.#running(key)
    if (node !== undefined) this.#keys.nodes.remove(node)
    return node !== undefined
  }

  resetAll(): void {
    const mine = prefix('window', this.name)
    for (const node of this.#keys.nodes.values()) {
      if (node.id.startsWith(mine)) this.#keys.nodes.remove(node)
    }
  }

  #running(key: Key): WindowNode | undefined {
    const id = nodeId('window', this.name, key)
    const node = id === undefined ? undefined : (this.#keys.nodes.find(id) as WindowNode | undefined)
    return node?.isExpired(this.#keys.nowMs()) === false ? node : undefined
  }
}
