// Bytes that a connection has received and not consumed: bytes[pos..end]. They lie in the read buffer that all connections
// of the process share, which is valid during one read only, or in a buffer of the connection's own with what was left.

const READ_BUFFER_BYTES = 64 * 1024
const MIN_OWN_BYTES = 1024

/** One for all connections: a read is consumed, or copied by keepRest, before the next one. */
export const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

export class InputBuffer {
  bytes: Buffer = READ_BUFFER
  pos = 0
  end = 0

  get empty(): boolean {
    return this.pos === this.end
  }

  /** `length` bytes have arrived in READ_BUFFER: they follow what is left. */
  received(length: number): void {
    if (this.pos === this.end) {
      this.bytes = READ_BUFFER
      this.pos = 0
      this.end = length
      return
    }
    if (this.end + length > this.bytes.length) this.#move(length)
    READ_BUFFER.copy(this.bytes, this.end, 0, length)
    this.end += length
  }

  /** After a read: what is left moves out of the shared buffer; an empty buffer is given up. */
  keepRest(): void {
    if (this.pos === this.end) this.clear()
    else if (this.bytes === READ_BUFFER) this.#move(0)
  }

  clear(): void {
    this.bytes = READ_BUFFER
    this.pos = 0
    this.end = 0
  }

  /** Moves what is left to the start of a buffer of our own with room for `more` bytes. */
  #move(more: number): void {
    const left = this.end - this.pos
    const own = Buffer.allocUnsafe(Math.max(MIN_OWN_BYTES, (left + more) * 2))
    this.bytes.copy(own, 0, this.pos, this.end)
    this.bytes = own
    this.pos = 0
    this.end = left
  }
}
