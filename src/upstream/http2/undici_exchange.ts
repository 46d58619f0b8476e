// One exchange over undici: the handler calls of its dispatcher turned into ours, and ours into a request.

import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { asSystemError, errnoText } from '../../config/errno_text.ts'
import { HeaderFields } from '../../net/header_fields.ts'
import {
  BODY_NONE,
  type BodyFraming,
  type Exchange,
  type ExchangeHandler,
  FAIL_ERROR,
  FAIL_TIMEOUT,
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_HEAD,
  PREMATURELY_CLOSED,
  TIMED_OUT,
} from '../transport.ts'

/** Fields that HTTP/2 does not have; undici refuses some of them. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'expect'])

export class UndiciExchange implements Exchange, Dispatcher.DispatchHandler {
  connected = false
  readonly reused = false
  requestSent = false
  bytesSent = 0
  bytesReceived = 0
  readonly #client: Dispatcher
  readonly #origin: string
  #handler: ExchangeHandler | undefined
  #controller: Dispatcher.DispatchController | undefined = undefined
  #body: Readable | undefined = undefined
  #headDone = false

  constructor(client: Dispatcher, origin: string, handler: ExchangeHandler) {
    this.#client = client
    this.#origin = origin
    this.#handler = handler
  }

  send(method: string, target: string, lines: string, framing: BodyFraming): void {
    if (framing !== BODY_NONE) {
      const body = new Readable({ read: () => this.#handler?.onDrain() })
      // It ends with the exchange, which has its own ways to fail.
      body.on('error', () => {})
      this.#body = body
    }
    this.#client.dispatch(
      {
        origin: this.#origin,
        path: target,
        method: method as Dispatcher.HttpMethod,
        headers: headersOf(lines),
        body: this.#body ?? null,
      },
      this,
    )
  }

  write(chunk: Buffer | string, stable: boolean): boolean {
    const body = this.#body
    if (body === undefined || chunk.length === 0) return true
    this.bytesSent += chunk.length
    this.requestSent = true
    if (typeof chunk === 'string') return body.push(Buffer.from(chunk, 'latin1'))
    return body.push(stable ? chunk : Buffer.from(chunk))
  }

  flush(): void {}

  endBody(): void {
    const body = this.#body
    this.#body = undefined
    body?.push(null)
  }

  resume(): void {
    if (this.#controller?.paused === true) this.#controller.resume()
  }

  abort(): void {
    this.#handler = undefined
    this.#stop()
  }

  #stop(): void {
    this.#body?.destroy()
    this.#body = undefined
    this.#controller?.abort(new Error('exchange aborted'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#handler === undefined) {
      controller.abort(new Error('exchange aborted'))
      return
    }
    this.connected = true
    this.requestSent = true
    this.#handler.onConnect()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    const handler = this.#handler
    if (handler === undefined) return
    const fields = new HeaderFields()
    const text = `HTTP/2 ${status}\r\n${linesOf(headers)}\r\n`
    const bytes = Buffer.from(text, 'latin1')
    fields.scan(bytes, text.indexOf('\n') + 1, bytes.length, 0)
    fields.setText(text)
    const length = headers['content-length']
    this.#headDone = true
    handler.onHead(status, '', 2000, fields, length !== undefined && /^[0-9]+$/.test(length) ? Number(length) : -1)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const handler = this.#handler
    if (handler === undefined) return
    this.bytesReceived += chunk.length
    if (!handler.onData(chunk, 0, chunk.length)) controller.pause()
    this.#handler?.onBatchEnd()
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    const handler = this.#handler
    this.#handler = undefined
    this.#body?.destroy()
    handler?.onEnd(linesOf(trailers))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const handler = this.#handler
    this.#handler = undefined
    this.#body?.destroy()
    if (handler === undefined) return
    const { code } = error as NodeJS.ErrnoException
    const phase = this.#headDone ? PHASE_BODY : this.connected ? PHASE_HEAD : PHASE_CONNECT
    if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      handler.onFailure(FAIL_TIMEOUT, phase, TIMED_OUT)
      return
    }
    const system = asSystemError(error)
    if (system !== undefined) {
      const call = phase === PHASE_CONNECT ? 'connect()' : 'recv()'
      handler.onFailure(FAIL_ERROR, phase, `${call} failed (${errnoText(system)})`)
    } else if (code === 'UND_ERR_SOCKET') handler.onFailure(FAIL_ERROR, phase, PREMATURELY_CLOSED)
    else handler.onFailure(FAIL_ERROR, phase, `upstream failed: ${error.message}`)
  }
}

/** Names and values in turn, without what belongs to HTTP/1 connections. */
function headersOf(lines: string): string[] {
  const headers: string[] = []
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).toLowerCase()
    if (!HOP.has(name)) headers.push(name, line.slice(colon + 1).trim())
  }
  return headers
}

function linesOf(headers: IncomingHttpHeaders): string {
  let lines = ''
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue
    for (const one of Array.isArray(value) ? value : [value]) lines += `${name}: ${one}\r\n`
  }
  return lines
}
