// A worker's view of the process table: the pids of the other workers and the channels by which it could write to them.
// Filled with what was inherited, kept up to date by the master's OPEN_CHANNEL and CLOSE_CHANNEL.

import { addon } from '../native/addon.ts'

export interface PeerEntry {
  readonly pid: number
  /** -1 when it is closed. The pid is kept: it tells whose place this was. */
  readonly channel: number
}

export class Peers {
  readonly #entries = new Map<number, PeerEntry>()

  open(slot: number, pid: number, channel: number): void {
    this.#closeEnd(slot)
    this.#entries.set(slot, { pid, channel })
  }

  close(slot: number): void {
    const entry = this.#entries.get(slot)
    if (entry === undefined) return
    this.#closeEnd(slot)
    this.#entries.set(slot, { pid: entry.pid, channel: -1 })
  }

  /** By slot. */
  entries(): ReadonlyMap<number, PeerEntry> {
    return this.#entries
  }

  #closeEnd(slot: number): void {
    const channel = this.#entries.get(slot)?.channel ?? -1
    if (channel >= 0) addon.close(channel)
  }
}
