// Test helper: an ExchangeHandler that writes down what happened, and scripted TCP origins.

import { createServer, type Server, type Socket } from 'node:net'
import type { HeaderFields } from '../../../src/net/header_fields.ts'
import type { PeerAddress } from '../../../src/upstream/peer_address.ts'
import { tcpAddress } from '../../../src/upstream/peer_address.ts'
import type { ExchangeHandler, TransportOptions } from '../../../src/upstream/transport.ts'

export const OPTIONS: TransportOptions = {
  connectTimeoutMs: 2000,
  sendTimeoutMs: 2000,
  readTimeoutMs: 2000,
  headLimit: 4096,
  protocol: 'HTTP/1.1',
  tcpKeepAlive: false,
  tls: undefined,
}

export class Recorder implements ExchangeHandler {
  connects = 0
  status = 0
  statusLine = ''
  version = 0
  contentLength = -2
  headText = ''
  fieldNames: string[] = []
  body = ''
  batches = 0
  trailers: string | undefined
  failure: { failure: number; phase: number; message: string } | undefined
  oddities: string[] = []
  drains = 0
  /** Called on connect, to write a body. */
  whenConnected: (() => void) | undefined
  whenDrained: (() => void) | undefined
  /** What onData returns. */
  wantsMore = true
  readonly over: Promise<this>
  #done!: (value: this) => void

  constructor() {
    this.over = new Promise((resolve) => {
      this.#done = resolve
    })
  }

  onConnect(): void {
    this.connects++
    this.whenConnected?.()
  }

  onHead(status: number, statusLine: string, version: number, fields: HeaderFields, contentLength: number): void {
    this.status = status
    this.statusLine = statusLine
    this.version = version
    this.contentLength = contentLength
    this.headText = fields.text
    for (let i = 0; i < fields.count; i++) this.fieldNames.push(fields.name(i))
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    this.body += bytes.latin1Slice(start, end)
    return this.wantsMore
  }

  onBatchEnd(): void {
    this.batches++
  }

  onEnd(trailers: string): void {
    this.trailers = trailers
    this.#done(this)
  }

  onFailure(failure: number, phase: number, message: string): void {
    this.failure = { failure, phase, message }
    this.#done(this)
  }

  onOddity(isError: boolean, message: string): void {
    this.oddities.push(`${isError ? 'error' : 'warn'}: ${message}`)
  }

  onDrain(): void {
    this.drains++
    this.whenDrained?.()
  }
}

export interface Origin {
  readonly address: PeerAddress
  readonly server: Server
  readonly sockets: Set<Socket>
  /** Connections accepted so far. */
  accepted: number
  close(): Promise<void>
}

/** Listens on a free port; `onSocket` plays the origin's part. */
export async function startOrigin(onSocket: (socket: Socket, number: number) => void): Promise<Origin> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    origin.accepted++
    onSocket(socket, origin.accepted)
    // Somebody has to read, or the end of the stream is never seen.
    if (socket.listenerCount('data') === 0) socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  const origin: Origin = {
    address: tcpAddress('127.0.0.1', address.port),
    server,
    sockets,
    accepted: 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
  return origin
}

/** Calls `onRequest` with the head of each request that has no body. */
export function onRequests(socket: Socket, onRequest: (head: string) => unknown): void {
  let text = ''
  socket.on('data', (data) => {
    text += data.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 4)
      text = text.slice(end + 4)
      onRequest(head)
    }
  })
}
