// The poller of this thread, and the one buffer that all plain sockets are read into. What has happened on them comes in
// batches, one call from the addon for up to a few hundred events: between two of them nothing but our own code runs.

import { addon, POLL_CONNECTED, POLL_DATA, POLL_END, POLL_RECORD, POLL_WRITABLE, type Poller } from '../native/addon.ts'

/** Four full reads; usual ones are small, and a batch of them stays at the front of it, in the processor's cache. */
const READ_BUFFER_BYTES = 256 * 1024
const MAX_RECORDS = 256

const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
const records = new Int32Array(MAX_RECORDS * POLL_RECORD)

/** Who is told what happens on a slot. */
export interface PollTarget {
  onConnected(): void
  onData(bytes: Buffer, start: number, end: number): void
  onEnd(): void
  onWritable(): void
  onFailed(errno: number): void
}

const targets: (PollTarget | undefined)[] = []

/** Made when it is loaded: whoever imports this has sockets. */
export const poller: Poller = addon.createPoller(READ_BUFFER, records, onRecords)

/** From now on `target` is told. */
export function watchSlot(slot: number, target: PollTarget): void {
  targets[slot] = target
}

/** Nobody is told any more; the rest of a batch that speaks of this slot is skipped. */
export function forgetSlot(slot: number): void {
  targets[slot] = undefined
}

// Whatever a target throws ends the process (uncaughtException): the rest of its batch is of no use then.
function onRecords(count: number): void {
  for (let i = 0; i < count; i++) {
    const at = i * POLL_RECORD
    const target = targets[records[at] as number]
    if (target === undefined) continue
    const kind = records[at + 1]
    if (kind === POLL_DATA) {
      const start = records[at + 2] as number
      target.onData(READ_BUFFER, start, start + (records[at + 3] as number))
    } else if (kind === POLL_CONNECTED) target.onConnected()
    else if (kind === POLL_WRITABLE) target.onWritable()
    else if (kind === POLL_END) target.onEnd()
    else target.onFailed(records[at + 2] as number)
  }
}
