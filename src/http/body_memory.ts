// Memory for request bodies that are read whole. Node takes a buffer of some kilobytes from malloc and gives it back when it
// is collected, so that each body lies in memory which is cold, and often new to the process: a fault a page. Those of usual
// sizes are therefore blocks that are used again.

/** Below this Node's own pool serves. */
const MIN_BYTES = 4096
/** nginx's client_body_buffer_size by default and the quarter by which a body may exceed it. */
const BLOCK_BYTES = 20 * 1024
/** Blocks that are kept for later: as many bodies as are usually under way. */
const MAX_FREE = 64

const free: Buffer[] = []

/** At least `size` bytes with undefined contents. */
export function takeBodyMemory(size: number): Buffer {
  if (size < MIN_BYTES || size > BLOCK_BYTES) return Buffer.allocUnsafe(size)
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
}

/** Will the memory be used again once it is given back? */
export function isReused(memory: Buffer): boolean {
  return memory.length === BLOCK_BYTES && memory.byteOffset === 0
}

/** Gives it back, once; nobody may look at it any more. */
export function giveBodyMemory(memory: Buffer): void {
  if (isReused(memory) && free.length < MAX_FREE) free.push(memory)
}
