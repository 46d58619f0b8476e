// The output of one HTTP/1 connection. What is small collects in a latin1 string and leaves in one write per event, so
// that a head and a small body are one system call; what is large is written as it is, behind what was collected.

import { type ByteSocket, HIGH_WATER_BYTES } from '../../net/byte_socket.ts'

/** Chunks up to this size are joined with what is to be written as a string. */
const JOIN_BYTES = 16 * 1024
/** The same where no framing follows a chunk: bytes then leave together with the head and need no copy. */
const JOIN_PLAIN_BYTES = 2 * 1024

export class ResponseWriter {
  /** Of the current response, head included: handed to the system, or collected for it. */
  bytesSent = 0
  headerSize = 0
  /** The producer was told to wait; the owner tells it when the socket's queue is empty. */
  wantsDrain = false
  readonly #socket: ByteSocket
  /** The head, while it waits: apart from what follows, so that neither is copied into one text first. */
  #head = ''
  #out = ''
  #chunked = false

  constructor(socket: ByteSocket) {
    this.#socket = socket
  }

  /** A new response. */
  start(): void {
    this.bytesSent = 0
    this.headerSize = 0
    this.wantsDrain = false
    this.#chunked = false
  }

  head(text: string, chunked: boolean): void {
    this.#chunked = chunked
    this.headerSize = text.length
    this.bytesSent += text.length
    if (this.#head === '' && this.#out === '') this.#head = text
    else this.#out += text
  }

  /** Takes the chunk in any case; false = above the high-water mark. */
  write(chunk: Buffer | string): boolean {
    const { length } = chunk
    if (length === 0) return true
    this.bytesSent += length
    const isJoined = length <= (this.#chunked || typeof chunk === 'string' ? JOIN_BYTES : JOIN_PLAIN_BYTES)
    if (isJoined) {
      const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
      if (this.#chunked) this.#out += `${this.#chunkSize(length)}${text}\r\n`
      else this.#out += text
      if (this.#out.length > JOIN_BYTES) this.flush()
    } else this.#writeLarge(chunk)
    return this.#hasRoom()
  }

  #chunkSize(length: number): string {
    const size = length.toString(16)
    this.bytesSent += size.length + 4
    return `${size}\r\n`
  }

  #writeLarge(chunk: Buffer | string): void {
    const socket = this.#socket
    const waiting = this.#head + this.#out
    this.#head = ''
    const before = this.#chunked ? waiting + this.#chunkSize(chunk.length) : waiting
    this.#out = this.#chunked ? '\r\n' : ''
    if (typeof chunk === 'string') socket.writeText(before + chunk)
    else if (before === '') socket.writeBytes(chunk, false)
    else socket.writeBoth(before, chunk, false)
  }

  #hasRoom(): boolean {
    if (this.#socket.queuedBytes + this.#head.length + this.#out.length < HIGH_WATER_BYTES) return true
    this.flush()
    if (this.#socket.queuedBytes < HIGH_WATER_BYTES) return true
    this.wantsDrain = true
    return false
  }

  /** Hands over what was collected. */
  flush(): void {
    const head = this.#head
    const out = this.#out
    this.#head = ''
    this.#out = ''
    if (head === '') {
      if (out !== '') this.#socket.writeText(out)
    } else if (out === '') this.#socket.writeText(head)
    else this.#socket.writeBoth(head, out, true)
  }

  /** Writes what ends the response; `trailers` are whole lines behind a chunked body. */
  finish(trailers: string): void {
    if (this.#chunked) {
      this.#chunked = false
      this.#out += `0\r\n${trailers}\r\n`
      this.bytesSent += trailers.length + 5
    }
    this.flush()
  }

  /** Bytes handed to the socket that wait for the kernel. */
  get unsent(): boolean {
    return this.#socket.queuedBytes > 0
  }

  /** The same in bytes, to tell a slow reader from a dead one. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes
  }

  /** The rest will never be sent: it does not count. */
  giveUp(): void {
    this.bytesSent = Math.max(0, this.bytesSent - this.#socket.queuedBytes - this.#head.length - this.#out.length)
    this.#head = ''
    this.#out = ''
  }
}
