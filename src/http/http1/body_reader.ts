// The body side of one HTTP/1 request: how it is framed, how much of it is left, and who takes it. Knows bytes, not
// sockets; the connection feeds it and acts on what it says.

import type { BodySink } from '../stream.ts'
import { CHUNK_DATA, CHUNK_END, CHUNK_ERROR, CHUNK_MORE, ChunkedDecoder } from './chunked_decoder.ts'

const NONE = 0
const LENGTH = 1
const CHUNKED = 2

export class BodyReader {
  /** Everything of the body was consumed (true from the start when there is none). */
  done = true
  /** The framing is broken; the connection reports it and clears this. */
  malformed = false
  /** Bytes so far of a chunked body above the limit, else 0. */
  tooLarge = 0
  /** Broken or given up: nothing more can be read. */
  failed = false
  #kind = NONE
  #left = 0
  #paused = false
  #received = 0
  #maxBytes = 0
  #sink: BodySink | undefined = undefined
  #dropping = false
  #decoder: ChunkedDecoder | undefined = undefined

  /** A new request. `length` -1 or 0 = none. */
  start(length: number, chunked: boolean): void {
    this.#kind = chunked ? CHUNKED : length > 0 ? LENGTH : NONE
    this.#left = length
    this.#received = 0
    this.done = this.#kind === NONE
    this.#paused = false
    this.malformed = false
    this.tooLarge = 0
    this.failed = false
    this.#sink = undefined
    this.#dropping = false
    if (chunked) {
      this.#decoder ??= new ChunkedDecoder()
      this.#decoder.reset()
    }
  }

  /** Somebody waits for bytes, or they are being dropped. */
  get reading(): boolean {
    return !this.done && !this.failed && (this.#sink !== undefined || this.#dropping)
  }

  /** `maxBytes` 0 = unlimited; a length was checked already. */
  read(sink: BodySink, maxBytes: number): void {
    this.#sink = sink
    this.#maxBytes = maxBytes
  }

  drop(): void {
    this.#dropping = true
    this.#sink = undefined
    this.#paused = false
  }

  /** The sink has asked to wait. */
  isPaused(): boolean {
    return this.#paused
  }

  /** Goes on; false = it was not paused. */
  resume(): boolean {
    const wasPaused = this.#paused
    this.#paused = false
    return wasPaused
  }

  stop(): void {
    this.#sink = undefined
    this.#dropping = false
  }

  /** Consumes what it may of bytes[pos..end]; returns the new position. */
  feed(bytes: Buffer, pos: number, end: number): number {
    if (this.#kind === LENGTH) {
      const n = Math.min(this.#left, end - pos)
      this.#left -= n
      if (this.#left === 0) this.done = true
      this.#emit(bytes, pos, pos + n)
      return pos + n
    }
    const decoder = this.#decoder as ChunkedDecoder
    let at = pos
    while (at < end && !this.#paused && !this.failed) {
      const result = decoder.next(bytes, at, end)
      if (result === CHUNK_ERROR) {
        this.malformed = true
        return end
      }
      at = decoder.pos
      if (result === CHUNK_MORE) break
      if (result === CHUNK_END) {
        this.done = true
        break
      }
      if (result === CHUNK_DATA) {
        this.#received += decoder.dataEnd - decoder.dataStart
        if (this.#maxBytes > 0 && this.#received > this.#maxBytes && !this.#dropping) {
          this.tooLarge = this.#received
          return end
        }
        this.#emit(bytes, decoder.dataStart, decoder.dataEnd)
      }
    }
    return at
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    const sink = this.#sink
    if (sink === undefined || start === end) return
    if (!sink.onBodyData(bytes.subarray(start, end)) && !this.done) this.#paused = true
  }

  /** All was consumed: tells the sink, once. */
  finish(): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.onBodyEnd()
  }

  /** The rest will not come: tells the sink, once. */
  fail(status: number, gone: boolean): void {
    const sink = this.#sink
    this.#sink = undefined
    this.failed = true
    sink?.onBodyError(status, gone)
  }
}
