// Origins: servers behind the proxy under test. `rawOrigin` hands every connection to a script that reads and writes exact
// bytes; `httpOrigin` answers each request by a function and remembers what it was asked.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type HttpRequestText, parseRequest } from './http_text.ts'
import { waitFor } from './wait_for.ts'

/** One connection that the proxy made to the origin. */
export class OriginConnection {
  readonly socket: Socket
  received = ''
  ended = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
    })
  }

  /** The next whole request; undefined when the proxy closes first. */
  async request(limitMs = 20_000): Promise<HttpRequestText | undefined> {
    const parsed = await waitFor(
      'a request at the origin',
      () => parseRequest(this.received) ?? (this.ended ? null : undefined),
      limitMs,
    )
    if (parsed === null) return undefined
    this.received = parsed.rest
    return parsed.message
  }

  /** Waits until the received bytes match, without taking them. */
  receives(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray> {
    return waitFor(`${pattern} at the origin`, () => pattern.exec(this.received) ?? undefined, limitMs)
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  end(bytes?: string): void {
    if (bytes !== undefined) this.write(bytes)
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Resolves when the proxy has closed. */
  async closed(limitMs?: number): Promise<void> {
    await waitFor('the proxy to close', () => this.ended, limitMs)
  }
}

export interface Origin {
  readonly port: number
  readonly connections: OriginConnection[]
  /** Requests of httpOrigin in the order of arrival. */
  readonly requests: HttpRequestText[]
  close(): Promise<void>
}

/** What the script of a connection does; `index` counts connections from 0. Failures of a script fail the test at close. */
export type OriginScript = (connection: OriginConnection, index: number) => Promise<void> | void

export interface OriginOptions {
  /** 'file': the caller closes it in afterAll. */
  readonly scope?: 'test' | 'file'
  /** Listen on a unix socket instead. */
  readonly path?: string
}

/** An origin with one script per connection. Closed when the test ends. */
export async function rawOrigin(script: OriginScript, options: OriginOptions = {}): Promise<Origin> {
  const failures: unknown[] = []
  const connections: OriginConnection[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new OriginConnection(socket)
    const index = connections.push(connection) - 1
    Promise.resolve(script(connection, index)).catch((error: unknown) => failures.push(error))
  })
  server.listen(options.path === undefined ? { port: 0, host: '127.0.0.1' } : { path: options.path })
  await once(server, 'listening')
  const origin: Origin = {
    port: options.path === undefined ? (server.address() as AddressInfo).port : 0,
    connections,
    requests: [],
    close: () => closeOrigin(server, connections, failures),
  }
  if (options.scope !== 'file') onTestFinished(() => origin.close())
  return origin
}

async function closeOrigin(server: Server, connections: OriginConnection[], failures: unknown[]): Promise<void> {
  for (const connection of connections) connection.socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  if (failures.length > 0) throw failures[0]
}

export interface OriginAnswer {
  readonly status?: number
  readonly reason?: string
  readonly headers?: readonly string[]
  readonly body?: string
}

/**
 * An origin that keeps connections alive and answers every request with `answer(request)`: a body, or status, header lines
 * and body. Content-Length is added unless a header line says Content-Length or Transfer-Encoding.
 */
export async function httpOrigin(
  answer: (request: HttpRequestText, index: number) => string | OriginAnswer,
  options: OriginOptions = {},
): Promise<Origin> {
  const origin = await rawOrigin(async (connection) => {
    for (;;) {
      const request = await connection.request(600_000)
      if (request === undefined) return connection.end()
      const index = origin.requests.push(request) - 1
      connection.write(answerText(request, answer(request, index)))
    }
  }, options)
  return origin
}

function answerText(request: HttpRequestText, answer: string | OriginAnswer): string {
  const {
    status = 200,
    reason = 'OK',
    headers = [],
    body = '',
  } = typeof answer === 'string' ? { body: answer } : answer
  const framed =
    status === 204 || status === 304 || headers.some((line) => /^(content-length|transfer-encoding):/i.test(line))
  const lines = framed ? headers : [...headers, `Content-Length: ${body.length}`]
  const head = [`HTTP/1.1 ${status} ${reason}`, ...lines, '', ''].join('\r\n')
  return request.method === 'HEAD' ? head : head + body
}
