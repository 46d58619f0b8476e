// The keys of a zone in one process's memory, within a budget of bytes, and which of them go when it is spent. The order
// of sacrifice is that of the shared zone (native/core/limit_req_evict.cc): what nobody can miss, then what is idle,
// least recently used first, then what is in debt.

/** A key's record. It knows for itself what forgetting it would mean. */
export interface MemoryNode {
  readonly id: string
  /** Looked at since it came to its place in the queue. */
  referenced: boolean
  /** Forgetting it changes no later decision. */
  isExpired(nowMs: number): boolean
  /** Forgetting it forgives something. */
  isInDebt(nowMs: number): boolean
}

const EXPIRE_PER_INSERT = 2
/** About what a record costs beside its key; 1m then holds some 8,000 keys, as a shared zone does. */
const NODE_BYTES = 64
const GRAIN_BYTES = 64

export class MemoryNodes {
  readonly sizeBytes: number
  evictedIdle = 0
  evictedInDebt = 0
  allocationFailures = 0
  #usedBytes = 0
  readonly #byId = new Map<string, MemoryNode>()
  /** Oldest first. A node is in one of the two. */
  readonly #recent = new Set<MemoryNode>()
  /** Those that eviction met while they owed something, set aside longest ago first. */
  readonly #inDebt = new Set<MemoryNode>()

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes
  }

  get count(): number {
    return this.#byId.size
  }

  find(id: string): MemoryNode | undefined {
    return this.#byId.get(id)
  }

  values(): Iterable<MemoryNode> {
    return this.#byId.values()
  }

  /** False, and nothing is kept, when it does not fit even alone, or only in the place of a node that is `pinned`. */
  insert(node: MemoryNode, nowMs: number, pinned: ReadonlySet<MemoryNode>): boolean {
    this.#expire(nowMs, pinned)
    const bytes = bytesOf(node)
    while (this.#usedBytes + bytes > this.sizeBytes) {
      if (bytes > this.sizeBytes || !this.#evictOne(nowMs, pinned)) {
        ++this.allocationFailures
        return false
      }
    }
    this.#byId.set(node.id, node)
    this.#recent.add(node)
    this.#usedBytes += bytes
    return true
  }

  remove(node: MemoryNode): void {
    if (!this.#byId.delete(node.id)) return
    if (!this.#recent.delete(node)) this.#inDebt.delete(node)
    this.#usedBytes -= bytesOf(node)
  }

  #expire(nowMs: number, pinned: ReadonlySet<MemoryNode>): void {
    let left = EXPIRE_PER_INSERT
    for (const queue of [this.#recent, this.#inDebt]) {
      for (const node of queue) {
        if (left-- === 0) return
        if (!node.isExpired(nowMs) || pinned.has(node)) break
        this.remove(node)
      }
    }
  }

  #evictOne(nowMs: number, pinned: ReadonlySet<MemoryNode>): boolean {
    const idle = this.#nextIdle(nowMs, pinned)
    if (idle !== undefined) {
      ++this.evictedIdle
      this.remove(idle)
      return true
    }
    for (const queue of [this.#inDebt, this.#recent]) {
      for (const node of queue) {
        if (pinned.has(node)) continue
        if (node.isInDebt(nowMs)) ++this.evictedInDebt
        else ++this.evictedIdle
        this.remove(node)
        return true
      }
    }
    return false
  }

  /** Whoever is passed by moves to another place, so that nobody is looked at twice in a row. */
  #nextIdle(nowMs: number, pinned: ReadonlySet<MemoryNode>): MemoryNode | undefined {
    // One look at who was set aside longest: its debt may have drained.
    for (const node of this.#inDebt) {
      this.#inDebt.delete(node)
      if (pinned.has(node) || node.isInDebt(nowMs)) {
        this.#inDebt.add(node)
      } else {
        this.#recent.add(node)
        if (!node.referenced) return node
        node.referenced = false
      }
      break
    }
    // Each node is met at most twice: once referenced, once more. (A set's iteration meets what is added meanwhile.)
    let left = 2 * this.#recent.size
    for (const node of this.#recent) {
      if (left-- === 0) return undefined
      if (!pinned.has(node) && !node.referenced && !node.isInDebt(nowMs)) return node
      this.#recent.delete(node)
      if (!pinned.has(node) && node.isInDebt(nowMs)) {
        this.#inDebt.add(node)
      } else {
        node.referenced = false
        this.#recent.add(node)
      }
    }
    return undefined
  }
}

function bytesOf(node: MemoryNode): number {
  return Math.ceil((NODE_BYTES + node.id.length) / GRAIN_BYTES) * GRAIN_BYTES
}
