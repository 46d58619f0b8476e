// The body of the request to the upstream: text of proxy_set_body, the client's body that was read whole, or the client's
// body as it comes. Requests without a body have none of these.

import { read } from 'node:fs'
import type { HttpRequest } from '../../http/request.ts'
import type { WholeBody } from '../../http/request_body.ts'
import type { BodySink } from '../../http/stream.ts'
import { BODY_CHUNKED, BODY_LENGTH, type BodyFraming, type Exchange } from '../../upstream/transport.ts'

export interface OutgoingBody {
  readonly framing: BodyFraming
  /** Can be sent again in another try. */
  readonly repeatable: boolean
  /** Sends it on an exchange that is connected; once per try. */
  start(exchange: Exchange): void
  /** The exchange has room again. */
  onDrain(): void
  /** The try is over; what is left is not sent. */
  stop(): void
}

/** Is told when a body cannot be sent to its end. */
export interface BodyOwner {
  /** `status`: what the request ends with; `message` is for the error log, or ''. */
  onBodyFailure(status: number, message: string): void
}

export class TextBody implements OutgoingBody {
  readonly framing = BODY_LENGTH
  readonly repeatable = true
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  start(exchange: Exchange): void {
    exchange.write(this.#text, true)
    exchange.endBody()
  }

  onDrain(): void {}

  stop(): void {}
}

/** Large bodies go out in pieces, so that the send timeout sees progress. */
const PIECE = 64 * 1024

/** A body in memory or in its temporary file. */
export class BufferedBody implements OutgoingBody {
  readonly framing = BODY_LENGTH
  readonly repeatable = true
  readonly #body: WholeBody
  readonly #owner: BodyOwner
  #exchange: Exchange | undefined = undefined
  #sent = 0
  /** A read of the file is under way; it belongs to the try with this number. */
  #reading = false
  #try = 0

  constructor(body: WholeBody, owner: BodyOwner) {
    this.#body = body
    this.#owner = owner
  }

  start(exchange: Exchange): void {
    this.#exchange = exchange
    this.#sent = 0
    this.#reading = false
    this.#try++
    this.onDrain()
  }

  onDrain(): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    const { memory } = this.#body
    if (memory === undefined) {
      this.#readFile(exchange)
      return
    }
    while (this.#sent < memory.length) {
      const from = this.#sent
      this.#sent = Math.min(memory.length, from + PIECE)
      const isWhole = from === 0 && this.#sent === memory.length
      const hasRoom = exchange.write(isWhole ? memory : memory.subarray(from, this.#sent), this.#body.stable)
      if (!hasRoom && this.#sent < memory.length) return
    }
    exchange.endBody()
  }

  stop(): void {
    this.#exchange = undefined
  }

  #readFile(exchange: Exchange): void {
    if (this.#reading) return
    if (this.#sent >= this.#body.length) {
      exchange.endBody()
      return
    }
    this.#reading = true
    const thisTry = this.#try
    read(this.#body.fd, Buffer.allocUnsafe(PIECE), 0, PIECE, this.#sent, (error, size, bytes) => {
      if (thisTry !== this.#try || this.#exchange === undefined) return
      this.#reading = false
      if (error !== null || size === 0) {
        const reason = error?.message ?? 'the file ended early'
        this.#owner.onBodyFailure(500, `reading a request body from its temporary file failed: ${reason}`)
        return
      }
      this.#sent += size
      if (exchange.write(bytes.subarray(0, size), true)) this.#readFile(exchange)
    })
  }
}

/** The client's body as it comes (proxy_request_buffering off): who reads slowly slows the client down. */
export class StreamedBody implements OutgoingBody, BodySink {
  readonly framing: BodyFraming
  readonly repeatable = false
  readonly #r: HttpRequest
  readonly #owner: BodyOwner
  #exchange: Exchange | undefined = undefined
  #started = false
  #ended = false
  /** What came so far, for $request_body; undefined when it is larger than client_body_buffer_size. */
  #kept: Buffer[] | undefined = []
  #keptBytes = 0

  constructor(r: HttpRequest, owner: BodyOwner) {
    this.#r = r
    this.#owner = owner
    this.framing = r.chunkedIn ? BODY_CHUNKED : BODY_LENGTH
  }

  start(exchange: Exchange): void {
    this.#exchange = exchange
    this.#started = true
    // What is there already leaves together with the head.
    this.#r.stream.readBody(this)
    exchange.flush()
  }

  onDrain(): void {
    if (this.#started && !this.#ended) this.#r.stream.resumeBody()
  }

  stop(): void {
    this.#exchange = undefined
  }

  onBodyData(chunk: Buffer): boolean {
    this.#keep(chunk)
    // After an early response the rest of the body is of no use to anybody.
    return this.#exchange === undefined || this.#exchange.write(chunk, false)
  }

  onBodyEnd(): void {
    this.#ended = true
    if (this.#kept !== undefined) this.#r.requestBody = Buffer.concat(this.#kept)
    this.#exchange?.endBody()
  }

  onBodyError(status: number, gone: boolean): void {
    this.#ended = true
    if (gone) this.#r.aborted = true
    if (this.#exchange !== undefined) this.#owner.onBodyFailure(status, '')
  }

  #keep(chunk: Buffer): void {
    this.#keptBytes += chunk.length
    if (this.#keptBytes > this.#r.location.core.clientBodyBufferSize) this.#kept = undefined
    else this.#kept?.push(Buffer.from(chunk))
  }
}
