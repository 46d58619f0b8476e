// One HTTP/1 connection to an upstream: the codec. It serves one exchange at a time and is idle between two.
//
//   CONNECTING → HEAD → BODY → IDLE → HEAD …          any state → CLOSED
//
// A connection has one deadline at a time (connect, send, read or idle). The handler is forgotten before its final event
// is called, so that it may start another exchange from inside it, on this very connection.

import { eventMonotonicMs } from '../../log/clock.ts'
import type { ByteSocket, SocketFailure, SocketOwner } from '../../net/byte_socket.ts'
import { giveSlotBack, NoSlotError, takeSlot } from '../../net/connection_slots.ts'
import { clearDeadline, type Deadlined, removeDeadline, setDeadline } from '../../net/deadlines.ts'
import type { IdleConnection, IdleConnections } from '../idle_connections.ts'
import type { PeerAddress } from '../peer_address.ts'
import {
  BODY_NONE,
  type BodyFraming,
  type Exchange,
  type ExchangeHandler,
  FAIL_ERROR,
  FAIL_INVALID_HEADER,
  FAIL_TIMEOUT,
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_HEAD,
  PHASE_SEND,
  PREMATURELY_CLOSED,
  TIMED_OUT,
  type TransportOptions,
} from '../transport.ts'
import { CHUNK_DATA, CHUNK_END, CHUNK_MORE } from './chunked_decoder.ts'
import { decideFraming, framing, UNTIL_CLOSE } from './framing.ts'
import { RequestWriter } from './request_writer.ts'
import { ResponseBody } from './response_body.ts'
import { HEAD_INVALID, HEAD_MORE, HEAD_NONE, ResponseHead } from './response_head.ts'
import { openSocket } from './socket.ts'

const CONNECTING = 0
const IDLE = 1
const HEAD = 2
const BODY = 3
const CLOSED = 4

export class Http1Connection implements Exchange, Deadlined, IdleConnection, SocketOwner {
  deadlineAt = Number.POSITIVE_INFINITY
  deadlineIndex = -1
  readonly addressText: string
  readonly options: TransportOptions
  readonly local: string
  connected = false
  reused = false
  bytesReceived = 0
  readonly #socket: ByteSocket
  readonly #writer: RequestWriter
  readonly #idle: IdleConnections | undefined
  readonly #startMs: number
  readonly #head = new ResponseHead()
  readonly #body: ResponseBody
  #handler: ExchangeHandler | undefined
  #state = CONNECTING
  #isHead = false
  #keep = false
  #paused = false
  /** Why nothing more can be sent; '' = it can. A peer may have answered before it refused the rest of a body. */
  #sendFailure = ''
  #requests = 1

  constructor(
    address: PeerAddress,
    options: TransportOptions,
    idle: IdleConnections | undefined,
    local: string,
    handler: ExchangeHandler,
  ) {
    this.addressText = address.text
    this.options = options
    this.local = local
    this.#idle = idle
    this.#handler = handler
    this.#startMs = eventMonotonicMs()
    this.#body = new ResponseBody(options.headLimit)
    if (!takeSlot()) throw new NoSlotError()
    try {
      this.#socket = openSocket(address, options, local, this)
    } catch (error) {
      giveSlotBack()
      throw error
    }
    this.#writer = new RequestWriter(this.#socket, () => this.#watch())
    setDeadline(this, options.connectTimeoutMs)
  }

  get requestSent(): boolean {
    return this.#writer.bytesSent > 0
  }

  get bytesSent(): number {
    return this.#writer.bytesSent
  }

  /** An idle connection begins its next exchange. */
  reopen(handler: ExchangeHandler): void {
    this.#handler = handler
    this.#state = HEAD
    this.#head.reset()
    this.#requests++
    this.reused = true
    this.bytesReceived = 0
  }

  send(method: string, target: string, lines: string, bodyFraming: BodyFraming): void {
    this.#isHead = method === 'HEAD'
    this.#writer.begin(`${method} ${target} ${this.options.protocol}\r\n${lines}\r\n`, bodyFraming)
    if (bodyFraming === BODY_NONE) this.flush()
  }

  write(chunk: Buffer | string, stable: boolean): boolean {
    if (chunk.length === 0 || this.#state === CLOSED || this.#sendFailure !== '') return true
    return this.#writer.write(chunk, stable)
  }

  flush(): void {
    if (this.connected && this.#state !== CLOSED) this.#writer.flush()
  }

  endBody(): void {
    if (this.#writer.ended || this.#state === CLOSED || this.#sendFailure !== '') return
    this.#writer.end()
    this.#watch()
  }

  resume(): void {
    if (!this.#paused || this.#handler === undefined) return
    this.#unpause()
    this.#watch()
  }

  abort(): void {
    this.#handler = undefined
    this.#close()
  }

  closeIdle(): void {
    this.#close()
  }

  onDeadline(): void {
    switch (this.#state) {
      case IDLE:
        this.#leaveIdle()
        return
      case CONNECTING:
        this.#fail(FAIL_TIMEOUT, PHASE_CONNECT, TIMED_OUT)
        return
      case HEAD:
        this.#fail(FAIL_TIMEOUT, this.#socket.queuedBytes > 0 ? PHASE_SEND : PHASE_HEAD, TIMED_OUT)
        return
      case CLOSED:
        return
      default:
        this.#fail(FAIL_TIMEOUT, PHASE_BODY, TIMED_OUT)
    }
  }

  /** Sets the one deadline to what the exchange waits for now. */
  #watch(): void {
    const { options } = this
    if (this.#handler === undefined || this.#state === CLOSED) return
    if (this.#socket.queuedBytes > 0) setDeadline(this, options.sendTimeoutMs)
    else if (this.#paused || (this.#state === HEAD && !this.#writer.ended && this.#sendFailure === '')) {
      clearDeadline(this)
    } else setDeadline(this, options.readTimeoutMs)
  }

  onConnect(): void {
    if (this.#state !== CONNECTING) return
    this.connected = true
    this.#state = HEAD
    clearDeadline(this)
    this.#handler?.onConnect()
    if (this.#writer.ended) this.flush()
  }

  onDrain(): void {
    this.#watch()
    this.#handler?.onDrain()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.bytesReceived += end - start
    if (this.#state === HEAD) this.#readHead(bytes, start, end)
    else if (this.#state === IDLE) this.#leaveIdle()
    else if (this.#handler !== undefined) this.#readBody(bytes, start, end)
  }

  #readHead(bytes: Buffer, start: number, end: number): void {
    const head = this.#head
    const code = head.feed(bytes, start, end, this.options.headLimit)
    if (code === HEAD_MORE) {
      this.#watch()
      return
    }
    if (code === HEAD_INVALID) {
      this.#fail(FAIL_INVALID_HEADER, PHASE_HEAD, head.error)
      return
    }
    if (code === HEAD_NONE) {
      this.#keep = false
      this.#state = BODY
      this.#body.begin(UNTIL_CLOSE, -1)
      this.#handler?.onOddity(true, 'upstream sent no valid HTTP/1.0 header')
      this.#handler?.onHead(200, '200 OK', 9, head.fields, -1)
    } else {
      const error = decideFraming(head.fields, head.status, head.version, this.#isHead)
      if (error !== '') {
        this.#fail(FAIL_INVALID_HEADER, PHASE_HEAD, error)
        return
      }
      const { body, contentLength, keepAlive } = framing
      this.#keep = keepAlive
      this.#state = BODY
      this.#body.begin(body, contentLength)
      this.#handler?.onHead(head.status, head.statusLine, head.version, head.fields, contentLength)
    }
    const { rest, restStart, restEnd } = head
    head.releaseRest()
    if (this.#handler !== undefined) this.#readBody(rest, restStart, restEnd)
  }

  #readBody(bytes: Buffer, from: number, to: number): void {
    const body = this.#body
    body.pos = from
    let code = body.next(bytes, to)
    while (code === CHUNK_DATA) {
      if (this.#handler?.onData(bytes, body.dataStart, body.dataEnd) === false) this.#pause()
      // Whoever was called may have had enough of it.
      if (this.#handler === undefined) return
      code = body.next(bytes, to)
    }
    if (code === CHUNK_END) this.#finish(body.pos < to ? body.extraText : '')
    else if (code === CHUNK_MORE) {
      this.#watch()
      this.#handler?.onBatchEnd()
    } else this.#fail(FAIL_ERROR, PHASE_BODY, 'upstream sent invalid chunked response')
  }

  #pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  #unpause(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  /** The response is complete. `oddity`: bytes follow it that do not belong there. */
  #finish(oddity: string): void {
    const handler = this.#handler
    if (handler === undefined) return
    if (oddity !== '') handler.onOddity(false, oddity)
    this.#handler = undefined
    this.#unpause()
    const { trailers } = this.#body
    if (!this.#keep || oddity !== '' || !this.#enterIdle()) this.#close()
    handler.onEnd(trailers)
  }

  /** False: not to be kept. */
  #enterIdle(): boolean {
    const idle = this.#idle
    if (idle === undefined || !this.#writer.ended || this.#socket.queuedBytes > 0) return false
    if (this.#sendFailure !== '') return false
    const { limits } = idle
    if (this.#requests >= limits.requests || eventMonotonicMs() - this.#startMs > limits.timeMs) return false
    this.#state = IDLE
    setDeadline(this, limits.timeoutMs)
    return idle.put(this)
  }

  #leaveIdle(): void {
    this.#idle?.remove(this)
    this.#close()
  }

  onEnd(): void {
    switch (this.#state) {
      case IDLE:
        this.#leaveIdle()
        return
      case CLOSED:
        return
      case BODY:
        if (this.#body.endsWithConnection) this.#finish('')
        else this.#fail(FAIL_ERROR, PHASE_BODY, PREMATURELY_CLOSED)
        return
      case HEAD:
        this.#fail(FAIL_ERROR, PHASE_HEAD, PREMATURELY_CLOSED)
        return
      default:
        this.#fail(FAIL_ERROR, PHASE_CONNECT, PREMATURELY_CLOSED)
    }
  }

  onError({ text, isSystem, sending, readsOn }: SocketFailure): void {
    switch (this.#state) {
      case IDLE:
        this.#leaveIdle()
        return
      case CLOSED:
        return
      case CONNECTING: {
        const call = this.options.tls !== undefined && !isSystem ? 'SSL_do_handshake()' : 'connect()'
        this.#fail(FAIL_ERROR, PHASE_CONNECT, `${call} failed (${text})`)
        return
      }
      default: {
        const phase = this.#state !== HEAD ? PHASE_BODY : sending ? PHASE_SEND : PHASE_HEAD
        const message = `${sending ? 'send()' : 'recv()'} failed (${text})`
        if (readsOn) {
          this.#sendFailure = message
          this.#watch()
        } else this.#fail(FAIL_ERROR, phase, message)
      }
    }
  }

  #fail(failure: number, phase: number, message: string): void {
    const handler = this.#handler
    const sendFailure = this.#state === HEAD ? this.#sendFailure : ''
    this.#handler = undefined
    this.#close()
    if (sendFailure === '') handler?.onFailure(failure, phase, message)
    else handler?.onFailure(FAIL_ERROR, PHASE_SEND, sendFailure)
  }

  #close(): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#paused = false
    this.#writer.drop()
    removeDeadline(this)
    this.#socket.destroy()
    giveSlotBack()
  }
}
