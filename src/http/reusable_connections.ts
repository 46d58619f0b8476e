// Connections that only wait for a request, or for the client to read the end of a response, may be closed when others
// need the room. Who has waited longest goes first. A request pays nothing for that but a number: the queue is put
// together from all connections when it is needed, and holds until it is used up, since who begins to wait later belongs
// behind all that are in it.

import { eventMonotonicMs } from '../log/clock.ts'

/** As nginx: an eighth of them, but not more than that at once. */
const MOST_AT_ONCE = 32
const PART_AT_ONCE = 8
/** While every connection is busy, not every new one makes us look through all. */
const EMPTY_PAUSE_MS = 10

export interface Reusable {
  readonly isReusable: boolean
  /** Grows with every connection that begins to wait. */
  readonly waitingSince: number
  destroy(reset: boolean): void
}

interface Entry {
  readonly connection: Reusable
  readonly waitingSince: number
}

let waits = 0

/** A number for a connection that begins to wait. */
export function nextWait(): number {
  return ++waits
}

export class ReusableConnections {
  readonly #all: Iterable<Reusable>
  /** The one that has waited longest last. */
  #queue: Entry[] = []
  /** How many give way at once. */
  #batch = 1
  #emptyUntilMs = 0

  constructor(all: Iterable<Reusable>) {
    this.#all = all
  }

  /** Closes some of those that have waited longest. `onFirst` is called before the first one is closed. */
  closeSome(onFirst: () => void): void {
    this.#dropStale()
    if (this.#queue.length === 0 && !this.#collect()) return
    onFirst()
    for (let closed = 0; closed < this.#batch; closed++) {
      this.#dropStale()
      const entry = this.#queue.pop()
      if (entry === undefined) return
      entry.connection.destroy(false)
    }
  }

  /** Those that have had a request since, or are gone. */
  #dropStale(): void {
    for (let last = this.#queue.at(-1); last !== undefined && !isStillWaiting(last); last = this.#queue.at(-1)) {
      this.#queue.pop()
    }
  }

  #collect(): boolean {
    const nowMs = eventMonotonicMs()
    if (nowMs < this.#emptyUntilMs) return false
    for (const connection of this.#all) {
      if (connection.isReusable) this.#queue.push({ connection, waitingSince: connection.waitingSince })
    }
    this.#batch = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(this.#queue.length / PART_AT_ONCE)))
    this.#queue.sort((a, b) => b.waitingSince - a.waitingSince)
    if (this.#queue.length > 0) return true
    this.#emptyUntilMs = nowMs + EMPTY_PAUSE_MS
    return false
  }
}

function isStillWaiting({ connection, waitingSince }: Entry): boolean {
  return connection.isReusable && connection.waitingSince === waitingSince
}
