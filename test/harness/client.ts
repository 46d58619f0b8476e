// Raw clients: exact bytes out, exact bytes in. Everything has a deadline.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type HttpResponse, parseResponse, parseResponses } from './http_text.ts'
import { waitFor, within } from './wait_for.ts'

/** A TCP port of 127.0.0.1, the path of a unix socket, or a port of another host. */
export type Address = number | string | { readonly port: number; readonly host: string }

/** One connection to a server under test. */
export class Client {
  readonly socket: Socket
  /** Received and not yet taken by `response()`. */
  received = ''
  ended = false
  /** ECONNRESET and the like, if the connection ended that way. */
  errorCode: string | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? error.message
    })
    socket.on('close', () => {
      this.ended = true
    })
  }

  static async connect(address: Address): Promise<Client> {
    const socket = connect({ ...endpoint(address), allowHalfOpen: true })
    const client = new Client(socket)
    await within('a connection', once(socket, 'connect'))
    return client
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next whole response. Fails when the connection ends before it is whole, unless it is delimited by the end. */
  async response(options: { headOnly?: boolean; limitMs?: number } = {}): Promise<HttpResponse> {
    const parsed = await waitFor(
      'a response',
      () => {
        const result = parseResponse(this.received, { headOnly: options.headOnly ?? false, ended: this.ended })
        if (result === undefined && this.ended)
          throw new Error(`no response, connection ended (${this.errorCode ?? 'FIN'})`)
        return result
      },
      options.limitMs,
    )
    this.received = parsed.rest
    return parsed.message
  }

  /** Resolves when the server has closed its side. */
  async closed(limitMs?: number): Promise<void> {
    await waitFor('the server to close', () => this.ended, limitMs)
  }

  /** Half-close: no more bytes from us, still reading. */
  finish(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** RST instead of FIN. */
  reset(): void {
    this.socket.resetAndDestroy()
  }
}

function endpoint(address: Address): { port: number; host: string } | { path: string } {
  if (typeof address === 'number') return { port: address, host: '127.0.0.1' }
  return typeof address === 'string' ? { path: address } : address
}

/** Sends `bytes`, waits for the server to close, returns what came (latin1). A reset is no failure: see what came. */
export async function rawRequest(address: Address, bytes: string | Buffer, limitMs = 20_000): Promise<string> {
  const client = await Client.connect(address)
  try {
    client.send(bytes)
    await client.closed(limitMs)
    return client.received
  } finally {
    client.destroy()
  }
}

/** As rawRequest, parsed; `bytes` must make the server close the connection. HEAD as the only request is understood. */
export async function ask(address: Address, bytes: string, limitMs?: number): Promise<HttpResponse> {
  const text = await rawRequest(address, bytes, limitMs)
  const first = parseResponses(text, bytes.startsWith('HEAD ') ? [0] : [])[0]
  if (first === undefined) throw new Error('the server closed without a response')
  return first
}
