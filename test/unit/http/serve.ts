// An HttpServer in this process for tests of the front: a configuration in, raw bytes to and fro.

import { connect, type Socket } from 'node:net'
import { core } from '../../../src/config/core_directives.ts'
import { events } from '../../../src/config/events_directives.ts'
import { parseConfiguration } from '../../../src/config/parse.ts'
import type { ConfigSource } from '../../../src/config/source.ts'
import { finishHttp, httpOwners } from '../../../src/http/configuration.ts'
import type { AnyHttpModule } from '../../../src/http/module.ts'
import { HttpServer } from '../../../src/http/server.ts'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { LogFile } from '../../../src/log/log_file.ts'
import { addon } from '../../../src/native/addon.ts'

/** Lines that were written to the error log of the server. */
export class MemoryLog extends LogFile {
  text = ''

  constructor() {
    super('memory')
  }

  override write(line: string): void {
    this.text += line
  }

  override flush(): void {}
}

export interface Served {
  readonly port: number
  readonly log: MemoryLog
  readonly server: HttpServer
  /** Sends bytes on a new connection and returns all that comes until it is closed, or until `enough` says so. */
  exchange(request: string, enough?: (response: string) => boolean): Promise<string>
  open(): Promise<RawClient>
  stop(): void
}

/** Serves `http { BODY }`; `listen` of the body must be `127.0.0.1:8080`, which is replaced by a free port. */
export function serveHttp(body: string, modules: readonly AnyHttpModule[]): Served {
  const text = `events {} http { ${body} }`
  const source: ConfigSource = {
    facts: { euid: 0, hostname: 'test', cpus: 2, cpuNumbers: [0, 1] },
    readFile: () => Buffer.from(text, 'latin1'),
    glob: () => [],
    resolveHost: (host) => (host === 'localhost' ? ['127.0.0.1'] : undefined),
  }
  const parsed = parseConfiguration({
    owners: [core, events, ...httpOwners(modules)],
    source,
    confFile: '/test/sluice.conf',
    prefix: '/test/',
    confPrefix: '/test/',
  })
  const configuration = finishHttp(parsed)
  const file = new MemoryLog()
  const log = new ErrorLog([{ file, level: 7 }])
  const counters = new Int32Array(1)
  const sockets = parsed.resources.listens.map((request) => ({
    request,
    fd: addon.openListeningSocket({
      family: request.family,
      address: request.address,
      port: 0,
      backlog: 511,
      reuseport: false,
      ipv6only: true,
    }),
  }))
  const server = new HttpServer({
    configuration,
    sockets,
    counters,
    slot: 0,
    log,
    connectionLimit: 512,
    acceptPauseMs: 500,
    debugConnections: [],
  })
  server.start()
  const port = addon.socketName(sockets[0]?.fd ?? -1).port
  return {
    port,
    log: file,
    server,
    exchange: async (request, enough) => {
      const client = await openClient(port)
      client.send(request)
      const response = await client.read(enough)
      client.close()
      return response
    },
    open: () => openClient(port),
    stop: () => {
      server.terminate()
      for (const { fd } of sockets) addon.close(fd)
    },
  }
}

export class RawClient {
  received = ''
  closed = false
  readonly socket: Socket
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.latin1Slice()
      this.#wake()
    })
    const end = (): void => {
      this.closed = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1')
  }

  /** Waits for `enough`, or for the end of the connection; returns what came since the last read. */
  async read(enough: (text: string) => boolean = () => false): Promise<string> {
    const deadline = Date.now() + 5000
    while (!this.closed && !enough(this.received)) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`nothing more came in time; so far: ${JSON.stringify(this.received)}`)),
          deadline - Date.now(),
        )
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    const text = this.received
    this.received = ''
    return text
  }

  close(): void {
    this.socket.destroy()
  }
}

function openClient(port: number): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.once('connect', () => resolve(new RawClient(socket)))
    socket.once('error', reject)
  })
}
