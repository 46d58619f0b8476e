// worker_connections: how many connections this process may have. As in nginx those to clients and those to upstreams
// count alike, and so do its listening sockets and its channel. Taking and giving back is an addition; when few are left,
// room is made first (who does that says so with `limitConnections`), and when none is left, it is refused.

/** Below this part of the limit room is made. */
const SCARCE_PART = 16

/** worker_connections. */
let max = Number.POSITIVE_INFINITY
/** What is left of it for connections. */
let limit = max
let scarce = 0
let used = 0
let makeRoom = (): void => {}

/** No slot, or no descriptor, is left for a connection that was to be made: whoever it was to go to is not to blame. */
export class NoSlotError extends Error {
  override readonly name = 'NoSlotError'

  constructor(message = `${max} worker_connections are not enough`) {
    super(message)
  }
}

/**
 * `connections` is worker_connections, of which `reserved` belong to others. `onScarce` is called before a slot is
 * taken while few are left. Connections that there are already stay counted.
 */
export function limitConnections(connections: number, reserved: number, onScarce: () => void): void {
  max = connections
  limit = max - reserved
  scarce = Math.floor(max / SCARCE_PART)
  makeRoom = onScarce
}

/** For a connection that is about to be made. False: there is no room for it. */
export function takeSlot(): boolean {
  if (limit - used <= scarce) makeRoom()
  if (used >= limit) return false
  used++
  return true
}

/** For a connection that is there in any case. */
export function occupySlot(): void {
  used++
}

/** Once for each slot that was taken, when its connection has ended. */
export function giveSlotBack(): void {
  used--
}
