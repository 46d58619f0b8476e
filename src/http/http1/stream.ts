// One request's two bodies on an HTTP/1 connection: the client's on its way to a handler, and the response on its way to
// the client. One object a connection, since HTTP/1 has one request at a time; `start` gives it the next one. When bytes
// are read and what follows a response is the connection's business (StreamOwner).

import { ERROR, INFO } from '../../log/levels.ts'
import type { ByteSocket } from '../../net/byte_socket.ts'
import { clearDeadline, type Deadlined, setDeadline } from '../../net/deadlines.ts'
import { CLOSE } from '../module.ts'
import type { Pacer } from '../pacer.ts'
import { HTTP_0_9, type HttpRequest } from '../request.ts'
import { paceResponse } from '../response_rate.ts'
import type { BodySink, RequestStream } from '../stream.ts'
import type { BodyReader } from './body_reader.ts'
import type { InputBuffer } from './input_buffer.ts'
import { responseHead } from './response_head.ts'
import type { ResponseWriter } from './response_writer.ts'

/** What a stream needs of its connection. */
export interface StreamOwner extends Deadlined {
  readonly socket: ByteSocket
  readonly input: InputBuffer
  readonly body: BodyReader
  readonly out: ResponseWriter
  /** The client has shut its side down. */
  readonly eof: boolean
  /** Keep-alive must not be offered any more. */
  readonly quitting: boolean
  /** Consumes input that has come, if it is not doing so already, and reads on or not as the body allows. */
  pump(): void
  /** The response has been handed to the system whole. */
  responseSent(): void
  /** Closes now; `reset` by RST. */
  destroy(reset: boolean): void
}

export class Http1Stream implements RequestStream {
  bytesReceived = 0
  readonly #owner: StreamOwner
  /** The request being answered; undefined between requests and when the connection is gone. */
  #request: HttpRequest | undefined = undefined
  #ending = false
  /** All was written; what is left of it waits for the kernel. */
  #leaving = false
  /** null: whether this response has a rate is not known before its first body bytes. */
  #pacer: Pacer | undefined | null = null
  /** Unsent bytes at the last look, to tell a slow client from a dead one. */
  #unsent = 0

  constructor(owner: StreamOwner) {
    this.#owner = owner
  }

  start(r: HttpRequest, bytesReceived: number): void {
    this.#request = r
    this.bytesReceived = bytesReceived
    this.#ending = false
    this.#leaving = false
    this.#pacer = null
    this.#owner.out.start()
  }

  /** The request has ended. */
  stop(): void {
    this.#request = undefined
    this.#pacer?.cancel()
    this.#owner.out.wantsDrain = false
  }

  get bytesSent(): number {
    return this.#owner.out.bytesSent
  }

  get headerSize(): number {
    return this.#owner.out.headerSize
  }

  // ── request body ────────────────────────────────────────────────────────────────────────────────────────────────

  readBody(sink: BodySink): void {
    const r = this.#request
    if (r === undefined) return
    const { body, input, eof } = this.#owner
    r.bodyTaken = true
    this.#sendContinue(r)
    if (body.done) {
      sink.onBodyEnd()
      return
    }
    body.read(sink, r.location.core.clientMaxBodySize)
    if (eof && input.empty) {
      body.fail(400, true)
      return
    }
    setDeadline(this.#owner, r.location.core.clientBodyTimeout)
    // At once, not by the pump: what is there already may leave together with the head of a request to an upstream.
    if (!input.empty) this.feedBody()
    this.#owner.pump()
  }

  resumeBody(): void {
    const r = this.#request
    const { body } = this.#owner
    if (!body.resume()) return
    if (r !== undefined && body.reading) setDeadline(this.#owner, r.location.core.clientBodyTimeout)
    this.#owner.pump()
  }

  discardBody(): boolean {
    const r = this.#request
    const { body, input } = this.#owner
    if (r === undefined || r.bodyTaken) return true
    r.bodyTaken = true
    if (body.done) return true
    // A client that waits for 100 Continue may send the body or not: where its next request starts cannot be known.
    if (r.expectContinue && input.empty) r.keepAlive = false
    body.drop()
    if (!input.empty) this.feedBody()
    return !body.failed
  }

  #sendContinue(r: HttpRequest): void {
    if (!r.expectContinue) return
    r.expectContinue = false
    // Also when the body is here already, or empty, as nginx.
    this.#owner.socket.writeText('HTTP/1.1 100 Continue\r\n\r\n')
  }

  /** Gives input to the body's reader, and acts on what it says. */
  feedBody(): void {
    const owner = this.#owner
    const { body, input } = owner
    const r = this.#request
    const before = input.pos
    input.pos = body.feed(input.bytes, before, input.end)
    this.bytesReceived += input.pos - before
    if (r === undefined) return
    if (body.tooLarge > 0) {
      r.log(ERROR, `client intended to send too large chunked body: ${body.tooLarge} bytes`)
      body.tooLarge = 0
      body.fail(413, false)
    } else if (body.malformed) {
      body.malformed = false
      r.logError('client sent invalid chunked body')
      r.keepAlive = false
      body.fail(400, false)
    } else if (body.done) {
      this.#watchSendingOnly()
      body.finish()
    } else if (owner.eof && input.empty && body.reading) {
      // Its client left before anybody read: what is missing will not come.
      r.log(INFO, 'client prematurely closed connection')
      body.fail(400, true)
    } else if (body.isPaused()) this.#watchSendingOnly()
    else if (body.reading) setDeadline(owner, r.location.core.clientBodyTimeout)
  }

  // ── response ────────────────────────────────────────────────────────────────────────────────────────────────────

  sendHead(r: HttpRequest): void {
    const { out, quitting, eof } = this.#owner
    if (!r.bodyTaken) this.discardBody()
    if (quitting || eof || r.httpVersion === HTTP_0_9) r.keepAlive = false
    if (r.httpVersion === HTTP_0_9) return
    out.head(responseHead(r), r.chunkedOut && !r.headerOnly)
  }

  write(chunk: Buffer | string): boolean {
    const r = this.#request
    if (r === undefined) return true
    const { out } = this.#owner
    if (this.#pacer === null) this.#pacer = paceResponse(r, out, () => this.#onPaced())
    const hasRoom = (this.#pacer ?? out).write(chunk)
    if (out.unsent) this.#watchSending()
    return hasRoom
  }

  flush(): void {
    const { out } = this.#owner
    out.flush()
    if (out.unsent) this.#watchSending()
  }

  end(): void {
    if (this.#ending || this.#request === undefined) return
    this.#ending = true
    if (!this.#pacer?.busy) this.#finish()
  }

  #finish(): void {
    const { out } = this.#owner
    const r = this.#request
    const trailers = r?.out.trailers
    out.finish(r === undefined || trailers === undefined ? '' : trailers(r))
    if (!out.unsent) this.#owner.responseSent()
    else {
      this.#watchSending()
      this.#leaving = true
    }
  }

  abort(): void {
    const r = this.#request
    if (r === undefined) return
    const { out } = this.#owner
    if (r.status !== CLOSE) out.flush()
    out.giveUp()
    const isForTimedOut = r.status === CLOSE || r.status === 408
    this.#owner.destroy(isForTimedOut && r.location.core.resetTimedoutConnection)
  }

  #watchSending(): void {
    const r = this.#request
    if (r === undefined) return
    this.#unsent = this.#owner.out.queuedBytes
    if (!this.#awaitsBody) setDeadline(this.#owner, r.location.core.sendTimeout)
  }

  /** The next bytes of the body are up to the client. One deadline serves both ways: this one has it then. */
  get #awaitsBody(): boolean {
    const { body } = this.#owner
    return body.reading && !body.isPaused()
  }

  /** No more of the body is awaited for now; the client may still have to take what was sent. */
  #watchSendingOnly(): void {
    if (this.#owner.out.unsent) this.#watchSending()
    else clearDeadline(this.#owner)
  }

  /** The socket's queue is empty again. */
  onDrain(): void {
    const { out } = this.#owner
    if (this.#request === undefined) return
    if (!this.#awaitsBody) clearDeadline(this.#owner)
    if (this.#leaving) {
      this.#owner.responseSent()
      return
    }
    if (!out.wantsDrain) return
    out.wantsDrain = false
    if (this.#pacer) this.#pacer.pump()
    else this.#request.source?.onWritable()
  }

  /** What the rate had held back is out. */
  #onPaced(): void {
    if (this.#ending) this.#finish()
    else this.#request?.source?.onWritable()
  }

  /** The deadline of a request passed: a body that does not come, or a client that does not read. */
  onDeadline(r: HttpRequest): void {
    const { body, out } = this.#owner
    const awaitsBody = this.#awaitsBody
    if (!awaitsBody) {
      const unsent = out.queuedBytes
      if (unsent > 0 && unsent < this.#unsent) {
        this.#watchSending()
        return
      }
    }
    r.log(INFO, 'client timed out')
    if (awaitsBody) {
      body.fail(408, true)
      // Nobody wanted it any more: there is only a response left, for a client that may read it.
      if (this.#request === r && out.unsent) this.#watchSending()
    } else {
      r.aborted = true
      r.onAbort?.()
      // Nobody ended it: there was nobody, or it is not to be disturbed (proxy_ignore_client_abort).
      if (!r.done) this.abort()
    }
  }
}
