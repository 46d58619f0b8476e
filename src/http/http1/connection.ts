// A client connection speaking HTTP/1: reads heads, runs one request at a time, decides whether to go on after it, and
// ends. The bodies of a request are Http1Stream's. One deadline serves whatever is waited for.

import { eventMs } from '../../log/clock.ts'
import { DEBUG, INFO } from '../../log/levels.ts'
import { flushLogs } from '../../log/log_file.ts'
import { clearDeadline, removeDeadline, setDeadline } from '../../net/deadlines.ts'
import type { HttpAddress, HttpSocket } from '../addresses.ts'
import type { ClientConnection } from '../client_connection.ts'
import type { CoreConf } from '../core_conf.ts'
import { startPhases } from '../phases.ts'
import { HttpRequest } from '../request.ts'
import { isTraced } from '../request_log.ts'
import { nextWait } from '../reusable_connections.ts'
import { type Accepted, AcceptedConnection } from './accepted_connection.ts'
import { BodyReader } from './body_reader.ts'
import { InputBuffer } from './input_buffer.ts'
import { HEAD_DONE, HEAD_MORE, type HeadLimits, type RequestHead, releaseHead, takeHead } from './request_head.ts'
import { logDropped, prepareRequest, readingAction, refuseRequest, setRequestLine } from './request_setup.ts'
import { ResponseWriter } from './response_writer.ts'
import { Http1Stream, type StreamOwner } from './stream.ts'

/** What a connection needs of its server. */
export interface ConnectionHost {
  /** The worker is shutting down: no keep-alive is offered any more. */
  readonly quitting: boolean
  nextConnectionNumber(): number
  /** Is this client's connection one of `debug_connection`? */
  isDebugged(remoteAddr: string): boolean
  connectionClosed(connection: Http1Connection): void
  readonly limits: (address: HttpAddress) => HeadLimits
}

// Values of #state.
/** Waiting for a request head, or in the middle of one. */
const HEAD = 0
/** A request is being answered. */
const ACTIVE = 1
/** The response is out; the rest of the request body is read and dropped before the next request. */
const DRAINING = 2
/** Our side is shut; what the client still sends is dropped, so that it can read the response. */
const LINGERING = 3
const CLOSED = 4

const CR = 13
const LF = 10

/** Input that is kept while a request is answered; beyond it reading pauses. */
const MAX_PENDING_BYTES = 64 * 1024

export class Http1Connection extends AcceptedConnection implements ClientConnection, StreamOwner {
  /** See reusable_connections.ts. */
  waitingSince = nextWait()
  requests = 0
  pipelined = false
  deadlineAt = Number.POSITIVE_INFINITY
  deadlineIndex = -1

  // For the stream (StreamOwner).
  readonly input = new InputBuffer()
  readonly body = new BodyReader()
  readonly out: ResponseWriter
  eof = false

  readonly #host: ConnectionHost
  readonly #stream: Http1Stream
  #state = HEAD
  #processing = false
  #head: RequestHead | undefined = undefined
  /** The deadline is that of the head being read, not that of keep-alive. */
  #headTimed = false
  #request: HttpRequest | undefined = undefined
  #usedPipelining = false
  /** Configuration of the location that answered last: its timeouts hold until the next request. */
  #lastCore: Readonly<CoreConf> | undefined = undefined
  /** When lingering must end, `performance.now()`. */
  #lingerUntil = 0

  /** Takes over the descriptor; throws when the system refuses to watch it, then it is still the caller's. */
  constructor(host: ConnectionHost, listener: HttpSocket, accepted: Accepted) {
    super(listener, accepted, host.nextConnectionNumber(), host.isDebugged(accepted.address))
    this.#host = host
    this.out = new ResponseWriter(this.socket)
    this.#stream = new Http1Stream(this)
    setDeadline(this, this.defaultCore.clientHeaderTimeout)
  }

  get quitting(): boolean {
    return this.#host.quitting
  }

  /** Waiting for a request on a connection that has had one: closing it loses nothing of ours. */
  get #idle(): boolean {
    return this.#state === HEAD && this.requests > 0 && this.#head === undefined && this.input.empty
  }

  /** Nothing of a request is here, or nothing is left to be sent: see reusable_connections.ts. */
  get isReusable(): boolean {
    return this.#state === LINGERING || (this.#state === HEAD && this.#head === undefined && this.input.empty)
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  onData(bytes: Buffer, start: number, end: number): void {
    this.input.received(bytes, start, end)
    this.pump()
  }

  /** Consumes input as far as the state allows. A request that ends inside it is followed by its loop, not by a call. */
  pump(): void {
    if (this.#processing) return
    this.#processing = true
    while (this.#step());
    this.#processing = false
    const { input } = this
    input.keepRest()
    // Reading stops while somebody asked the body to wait, or while more is left over than is worth keeping.
    const isFull = input.end - input.pos > MAX_PENDING_BYTES
    if (this.#state === ACTIVE && (isFull || this.body.isPaused())) this.socket.pause()
    else this.socket.resume()
  }

  /** One thing that the state allows; false = bytes, or something else, must come first. */
  #step(): boolean {
    const { body, input } = this
    switch (this.#state) {
      case HEAD:
        return this.#readHead()
      case ACTIVE:
        if (!body.reading || input.empty) return false
        this.#stream.feedBody()
        return !body.isPaused()
      case DRAINING:
        if (!input.empty) this.#stream.feedBody()
        if (body.failed) this.#close()
        else if (body.done) this.#nextRequest()
        else return false
        return true
      default:
        input.clear()
        if (this.#state === LINGERING) this.#armLinger()
        return false
    }
  }

  /** Reads (more of) a head; true when a request was started or refused, false when bytes are missing. */
  #readHead(): boolean {
    const { input } = this
    let head = this.#head
    if (head === undefined) {
      const { bytes, end } = input
      let { pos } = input
      while (pos < end && (bytes[pos] === CR || bytes[pos] === LF)) pos++
      input.pos = pos
      if (pos === end) return false
      head = takeHead()
      this.#head = head
    }
    // The head's first byte stays at input.pos until the head is complete.
    const result = head.parse(input.bytes, input.pos, input.end, this.#host.limits(this.address))
    if (result === HEAD_MORE) {
      // One timer from the first byte to the end of the head; a new connection's runs since accept.
      if (this.requests > 0 && !this.#headTimed) {
        this.#headTimed = true
        setDeadline(this, this.defaultCore.clientHeaderTimeout)
      }
      return false
    }
    this.#headTimed = false
    this.#startRequest(head, result === HEAD_DONE)
    return true
  }

  #startRequest(head: RequestHead, complete: boolean): void {
    clearDeadline(this)
    const { input } = this
    const end = complete ? input.pos + head.pos : Math.min(input.end, input.pos + Math.max(head.lineEnd, head.pos))
    const text = input.bytes.latin1Slice(input.pos, end)
    head.fields.setText(text)
    input.pos = complete ? end : input.end
    const r = this.#newRequest(head, text.length)
    setRequestLine(r, head, text)
    if (!complete) {
      this.body.start(0, false)
      refuseRequest(r, head, head.lineDone)
      return
    }
    if (isTraced(r)) r.log(DEBUG, `http request line: "${r.requestLine}"`)
    const refusal = prepareRequest(r, head, this.address)
    this.body.start(r.contentLengthIn, r.chunkedIn)
    logDropped(r, head)
    if (refusal !== undefined) {
      refuseRequest(r, refusal, r.uri !== '')
      return
    }
    if (this.#host.quitting || this.eof) r.keepAlive = false
    startPhases(r)
  }

  #newRequest(head: RequestHead, bytesReceived: number): HttpRequest {
    this.requests++
    const r = new HttpRequest(this, this.#stream, head.fields, this.address.defaultServer, eventMs())
    this.#request = r
    this.#state = ACTIVE
    this.#stream.start(r, bytesReceived)
    return r
  }

  // ── between requests ────────────────────────────────────────────────────────────────────────────────────────────

  responseSent(): void {
    const r = this.#request
    if (r === undefined || this.#state !== ACTIVE) return
    clearDeadline(this)
    r.complete = true
    this.#lastCore = r.location.core
    this.#endRequest(r)
    if (this.eof && this.input.empty) r.keepAlive = false
    if (!r.keepAlive) this.#close()
    else if (this.body.done) this.#nextRequest()
    else {
      this.#state = DRAINING
      this.body.drop()
      setDeadline(this, r.location.core.lingeringTime)
    }
    this.pump()
  }

  #endRequest(r: HttpRequest): void {
    r.ended()
    this.#request = undefined
    this.#stream.stop()
    // Whoever works on for the request may look at its head: nobody else gets it then.
    if (r.holds > 0) this.#head = undefined
    else this.#dropHead()
  }

  #dropHead(): void {
    if (this.#head === undefined) return
    releaseHead(this.#head)
    this.#head = undefined
  }

  #nextRequest(): void {
    this.#state = HEAD
    this.pipelined = !this.input.empty
    if (this.pipelined) this.#usedPipelining = true
    this.#waitForRequest()
  }

  #waitForRequest(): void {
    this.waitingSince = nextWait()
    const { keepaliveTimeout, keepaliveMinTimeout } = this.#lastCore ?? this.defaultCore
    setDeadline(this, this.#host.quitting ? Math.min(keepaliveMinTimeout, keepaliveTimeout) : keepaliveTimeout)
  }

  // ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends the connection after a response: at once, or lingering when the client may still be sending. */
  #close(): void {
    const core = this.#lastCore ?? this.defaultCore
    const unread = !this.body.done || !this.input.empty || this.#usedPipelining
    if (this.eof || core.lingeringClose === 'off' || (core.lingeringClose === 'on' && !unread)) {
      this.destroy(false)
      return
    }
    this.#state = LINGERING
    this.waitingSince = nextWait()
    this.input.clear()
    this.#lingerUntil = performance.now() + core.lingeringTime
    this.#armLinger()
    this.socket.resume()
    this.socket.end()
  }

  #armLinger(): void {
    const core = this.#lastCore ?? this.defaultCore
    setDeadline(this, Math.min(core.lingeringTimeout, this.#lingerUntil - performance.now()))
  }

  destroy(reset: boolean): void {
    if (this.#state === CLOSED) return
    const request = this.#request
    this.#state = CLOSED
    this.body.stop()
    removeDeadline(this)
    if (request !== undefined) this.#endRequest(request)
    else this.#dropHead()
    // Whoever sees the end of the connection finds its requests in the logs.
    flushLogs()
    if (reset) this.socket.reset()
    else this.socket.destroy()
    this.input.clear()
    this.#host.connectionClosed(this)
  }

  onDeadline(): void {
    if (this.#request !== undefined) this.#stream.onDeadline(this.#request)
    else this.#endIdle('client timed out', 'client timed out (110: Connection timed out)', 408)
  }

  /** Ends a connection without a request; a head that never became complete is logged as a request that failed. */
  #endIdle(inHead: string, beforeFirstByte: string, status: number): void {
    const head = this.#state === HEAD ? this.#head : undefined
    if (head === undefined) {
      if (this.requests === 0) this.logWaiting(beforeFirstByte)
      this.destroy(false)
      return
    }
    const { bytes, pos, end } = this.input
    const r = this.#newRequest(head, end - pos)
    this.body.start(0, false)
    if (head.lineDone) {
      const text = bytes.latin1Slice(pos, end)
      head.fields.setText(text)
      setRequestLine(r, head, text)
    }
    r.action = readingAction(head.lineDone)
    r.log(INFO, inHead)
    r.status = status
    this.#stream.abort()
  }

  /** The client has shut its side: answers that are under way go out, waiting ends, idle connections close. */
  onEnd(): void {
    if (this.#state === CLOSED) return
    this.eof = true
    const r = this.#request
    if (r === undefined) {
      this.#endIdle('client prematurely closed connection', 'client closed connection', 400)
      return
    }
    r.keepAlive = false
    if (this.body.reading && !this.body.isPaused()) {
      r.log(INFO, 'client prematurely closed connection')
      this.body.fail(400, true)
    } else if (r.onAbort !== undefined && this.input.empty) this.#clientGone(r)
  }

  onDrain(): void {
    this.#stream.onDrain()
  }

  /** The connection is broken. */
  onError(): void {
    if (this.#state === CLOSED) return
    this.eof = true
    const r = this.#request
    if (r !== undefined) {
      r.aborted = true
      if (this.body.reading) this.body.fail(400, true)
      if (!r.done) this.#clientGone(r)
      // Whoever is not to be disturbed has not ended it (proxy_ignore_client_abort).
      if (!r.done && r.status === 0) r.status = 499
    }
    this.destroy(false)
  }

  #clientGone(r: HttpRequest): void {
    r.aborted = true
    if (r.onAbort !== undefined) r.onAbort()
    else r.finalize(499)
  }

  /** Graceful shutdown of the worker: an idle connection gets a grace, in which a request still finds an answer. */
  quit(): void {
    if (this.#idle) this.#waitForRequest()
  }

  /** The worker ends now: what is under way is cut, and logged with the status that it had come to (000 = none). */
  terminate(): void {
    this.destroy(false)
  }
}
