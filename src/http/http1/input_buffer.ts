// Bytes that a connection has received and not consumed: bytes[pos..end]. They lie in the read buffer that all connections
// of the process share, which is valid during one event only, or in a buffer of the connection's own with what was left.

const MIN_OWN_BYTES = 1024

const NOTHING = Buffer.alloc(0)

export class InputBuffer {
  bytes: Buffer = NOTHING
  pos = 0
  end = 0
  /** `bytes` is a buffer of our own. */
  #own = false

  get empty(): boolean {
    return this.pos === this.end
  }

  /** What has arrived at bytes[start..end] follows what is left. Valid until keepRest(). */
  received(bytes: Buffer, start: number, end: number): void {
    if (this.pos === this.end) {
      this.bytes = bytes
      this.pos = start
      this.end = end
      this.#own = false
      return
    }
    const length = end - start
    if (this.end + length > this.bytes.length) this.#move(length)
    bytes.copy(this.bytes, this.end, start, end)
    this.end += length
  }

  /** After an event: what is left moves out of the shared buffer; an empty buffer is given up. */
  keepRest(): void {
    if (this.pos === this.end) this.clear()
    else if (!this.#own) this.#move(0)
  }

  clear(): void {
    this.bytes = NOTHING
    this.pos = 0
    this.end = 0
    this.#own = false
  }

  /** Moves what is left to the start of a buffer of our own with room for `more` bytes. */
  #move(more: number): void {
    const left = this.end - this.pos
    const own = Buffer.allocUnsafe(Math.max(MIN_OWN_BYTES, (left + more) * 2))
    this.bytes.copy(own, 0, this.pos, this.end)
    this.bytes = own
    this.pos = 0
    this.end = left
    this.#own = true
  }
}
