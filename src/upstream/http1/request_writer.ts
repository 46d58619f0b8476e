// The sending half of a connection: the request head and its body, framed, in as few system calls as possible. Small
// pieces are collected as text; what comes in one turn of the event loop leaves in one write, and as one chunk.

import { type ByteSocket, HIGH_WATER_BYTES } from '../../net/byte_socket.ts'
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type BodyFraming } from '../transport.ts'

/** Chunks up to this size are collected; larger ones are written as they are. */
const SMALL_CHUNK = 16 * 1024
/** The same of bytes without framing around them: they leave with the head as they are, and do not become text. */
const SMALL_PLAIN_CHUNK = 2 * 1024

export class RequestWriter {
  /** Bytes given to the system since `begin`; nothing of a request may be repeated unnoticed once this is above 0. */
  bytesSent = 0
  /** The request is complete, as far as its producer is concerned. */
  ended = false
  readonly #socket: ByteSocket
  readonly #onWritten: () => void
  #framing: BodyFraming = BODY_NONE
  /** The head, until it is written. */
  #head = ''
  /** Body bytes that wait, as yet without framing. */
  #data = ''
  #lastChunkDue = false
  #flushScheduled = false

  /** `onWritten` is called after each write. */
  constructor(socket: ByteSocket, onWritten: () => void) {
    this.#socket = socket
    this.#onWritten = onWritten
  }

  /** A new request; nothing is written yet. */
  begin(head: string, framing: BodyFraming): void {
    this.#head = head
    this.#framing = framing
    this.#data = ''
    this.#lastChunkDue = false
    this.bytesSent = 0
    this.ended = framing === BODY_NONE
  }

  /** Body bytes. False: wait until the socket's queue is empty. `stable`: the chunk will not change. */
  write(chunk: Buffer | string, stable: boolean): boolean {
    const isPlain = this.#framing === BODY_LENGTH && typeof chunk !== 'string'
    // A body that is stable comes whole.
    const isWhole = stable && this.#framing === BODY_LENGTH
    if (isWhole || chunk.length > (isPlain ? SMALL_PLAIN_CHUNK : SMALL_CHUNK)) this.#writeLarge(chunk, stable)
    else {
      this.#data += typeof chunk === 'string' ? chunk : chunk.latin1Slice()
      if (this.#data.length > SMALL_CHUNK) this.flush()
      else if (!this.#flushScheduled) {
        this.#flushScheduled = true
        process.nextTick(flushLater, this)
      }
    }
    return this.#socket.queuedBytes < HIGH_WATER_BYTES
  }

  end(): void {
    this.ended = true
    this.#lastChunkDue = this.#framing === BODY_CHUNKED
    this.flush()
  }

  /** Writes what waits. */
  flush(): void {
    const text = this.#takeWaiting()
    if (text === '') return
    this.bytesSent += text.length
    this.#socket.writeText(text)
    this.#onWritten()
  }

  flushScheduled(): void {
    this.#flushScheduled = false
    this.flush()
  }

  /** The connection is gone. */
  drop(): void {
    this.#head = ''
    this.#data = ''
    this.#lastChunkDue = false
  }

  #writeLarge(chunk: Buffer | string, stable: boolean): void {
    const socket = this.#socket
    const isChunked = this.#framing === BODY_CHUNKED
    const before = this.#takeWaiting() + (isChunked ? `${chunk.length.toString(16)}\r\n` : '')
    const after = isChunked ? '\r\n' : ''
    this.bytesSent += before.length + chunk.length + after.length
    if (typeof chunk === 'string') socket.writeText(before + chunk + after)
    else {
      if (before === '') socket.writeBytes(chunk, stable)
      else socket.writeBoth(before, chunk, stable)
      if (after !== '') socket.writeText(after)
    }
    this.#onWritten()
  }

  #takeWaiting(): string {
    let text = this.#head
    this.#head = ''
    const data = this.#data
    if (data !== '') {
      this.#data = ''
      text += this.#framing === BODY_CHUNKED ? `${data.length.toString(16)}\r\n${data}\r\n` : data
    }
    if (this.#lastChunkDue) {
      this.#lastChunkDue = false
      text += '0\r\n\r\n'
    }
    return text
  }
}

/** One function for all: a tick costs no closure. */
function flushLater(writer: RequestWriter): void {
  writer.flushScheduled()
}
