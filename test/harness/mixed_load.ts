// A load of all kinds at once, gentle enough for a machine that starts programs meanwhile: for what must lose no request
// (reloads, upgrades). Every answer is checked to its last byte; whatever is not as it must be is a failure. Free of the
// test runner.

import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from './server_process.ts'

const DOWNLOAD_BYTES = 1_000_000
const UPLOAD_PIECES = 8
const UPLOAD_PIECE_BYTES = 32 * 1024
/** Of the key that all counted requests have. */
export const COUNTED = { burst: 40, ratePerSecond: 5 } as const

/** Body of the http block; the origin is a socket in the server's folder. `options` are those of the listening socket. */
export const mixedHttp = (options = ''): string => `
  access_log off;
  limit_req_zone $arg_k zone=counted:1m rate=${COUNTED.ratePerSecond}r/s;
  limit_req_zone $arg_k zone=delayed:1m rate=10r/s;
  limit_req_log_level info;
  upstream origin { server unix:%%SOCK:origin%%; keepalive 8; }
  server {
    listen 127.0.0.1:%%PORT:front%% ${options};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / { proxy_pass http://origin; }
    location /delayed { limit_req zone=delayed burst=20; proxy_pass http://origin; }
    location /counted { limit_req zone=counted burst=${COUNTED.burst} nodelay; proxy_pass http://origin; }
  }`

export type LoadKind = 'busy' | 'pausing' | 'new' | 'upload' | 'download' | 'delayed' | 'counted'

/** Clients of each kind. */
const CLIENTS: Readonly<Record<LoadKind, number>> = {
  busy: 4,
  pausing: 4,
  new: 2,
  upload: 2,
  download: 2,
  delayed: 2,
  counted: 2,
}

/** Between two requests of a client. */
const PAUSE_MS: Partial<Record<LoadKind, number>> = { busy: 1, pausing: 300, new: 5, counted: 10 }
/** keepalive_min_timeout is 1 s: whoever has paused longer may find a connection that he has kept closed. */
const GRACE_MS = 900

/** A connection that was kept was closed without a byte of an answer. */
class StaleConnection extends Error {}

interface Answer {
  readonly status: number
  readonly body: string
  readonly bytes: number
}

export interface MixedCounts {
  readonly failures: readonly string[]
  readonly answers: Readonly<Record<LoadKind, number>>
  /** Milliseconds that the busy clients waited for their answers. */
  readonly latencies: readonly number[]
  /** Requests that the limit has let through and refused. */
  readonly admitted: number
  readonly refused: number
  /** How long the limit was asked; at least and at most, as decisions lie between asking and answer. */
  readonly seconds: readonly [least: number, most: number]
}

export class MixedLoad {
  readonly #port: number
  readonly #origin: Server
  readonly #failures: string[] = []
  readonly #answers = Object.fromEntries(Object.keys(CLIENTS).map((kind) => [kind, 0])) as Record<LoadKind, number>
  readonly #latencies: number[] = []
  #admitted = 0
  #refused = 0
  #first: readonly [asked: number, answered: number] | undefined
  #last: readonly [asked: number, answered: number] = [0, 0]
  #stopped = false
  #clients: Promise<unknown> = Promise.resolve()

  private constructor(port: number, origin: Server) {
    this.#port = port
    this.#origin = origin
  }

  /** Starts the origin and then all clients, against a server with mixedHttp(). */
  static async start(server: Pick<ServerProcess, 'port' | 'sock'>): Promise<MixedLoad> {
    const origin = createServer({ keepAliveTimeout: 600_000 }, (asked, answer) => {
      let bytes = 0
      asked.on('data', (piece: Buffer) => {
        bytes += piece.length
      })
      asked.on('error', () => {})
      asked.on('end', () => answer.end(asked.url === '/download' ? Buffer.alloc(DOWNLOAD_BYTES, 'd') : `${bytes}`))
    })
    origin.listen(server.sock('origin'))
    await once(origin, 'listening')
    const load = new MixedLoad(server.port('front'), origin)
    const kinds = Object.entries(CLIENTS) as [LoadKind, number][]
    load.#clients = Promise.all(
      kinds.flatMap(([kind, count]) => Array.from({ length: count }, (_, number) => load.#client(kind, number))),
    )
    return load
  }

  get failures(): readonly string[] {
    return this.#failures
  }

  /** Every client finishes its request; then the origin ends. */
  async stop(): Promise<MixedCounts> {
    this.#stopped = true
    await this.#clients
    this.#origin.closeAllConnections()
    await new Promise((resolve) => this.#origin.close(resolve))
    const [first, last] = [this.#first ?? [0, 0], this.#last]
    return {
      failures: this.#failures,
      answers: this.#answers,
      latencies: this.#latencies,
      admitted: this.#admitted,
      refused: this.#refused,
      seconds: [(last[0] - first[1]) / 1000, (last[1] - first[0]) / 1000],
    }
  }

  /** One client, to its end. All but those of `new` keep their connection as long as the server lets them. */
  async #client(kind: LoadKind, number: number): Promise<void> {
    const agent = new Agent({ keepAlive: kind !== 'new', maxSockets: 1 })
    let idleSince = performance.now()
    while (!this.#stopped) {
      const asked = performance.now()
      try {
        const answer = await this.#ask(agent, kind, number)
        this.#check(kind, answer, asked)
      } catch (error) {
        const idleMs = asked - idleSince
        if (!(error instanceof StaleConnection && idleMs >= GRACE_MS))
          this.#failures.push(`${kind}: ${(error as Error).message} after ${Math.round(idleMs)} ms`)
      }
      idleSince = performance.now()
      await sleep(PAUSE_MS[kind] ?? 0)
    }
    agent.destroy()
  }

  #check(kind: LoadKind, { status, body, bytes }: Answer, asked: number): void {
    const answered = performance.now()
    this.#answers[kind]++
    if (kind === 'busy') this.#latencies.push(answered - asked)
    if (kind === 'counted') {
      this.#first ??= [asked, answered]
      this.#last = [asked, answered]
      if (status === 200) this.#admitted++
      else if (status === 503) this.#refused++
      if (status === 503) return
    }
    const expected = kind === 'upload' ? `${UPLOAD_PIECES * UPLOAD_PIECE_BYTES}` : '0'
    const isWhole = kind === 'download' ? bytes === DOWNLOAD_BYTES : body === expected
    if (status !== 200 || !isWhole) this.#failures.push(`${kind}: ${status}, ${bytes} bytes`)
  }

  #ask(agent: Agent, kind: LoadKind, number: number): Promise<Answer> {
    const key = kind === 'counted' ? 'all' : `${kind}${number}`
    return new Promise((resolve, reject) => {
      let answered = false
      const asking = request(
        {
          agent,
          port: this.#port,
          host: '127.0.0.1',
          path: `/${kind}${kind === 'download' || kind === 'upload' ? '' : `?k=${key}`}`,
          method: kind === 'upload' ? 'POST' : 'GET',
        },
        (answer) => {
          answered = true
          void readAnswer(answer, kind === 'download').then(resolve, reject)
        },
      )
      asking.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = asking.reusedSocket && !answered && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')
        reject(isStale ? new StaleConnection(error.message) : error)
      })
      if (kind === 'upload') void upload(asking)
      else asking.end()
    })
  }
}

/** Piece by piece, so that it lasts. */
async function upload(asking: ReturnType<typeof request>): Promise<void> {
  for (let piece = 0; piece < UPLOAD_PIECES && !asking.destroyed; piece++) {
    asking.write(Buffer.alloc(UPLOAD_PIECE_BYTES, 'u'))
    await sleep(40)
  }
  asking.end()
}

async function readAnswer(answer: IncomingMessage, slowly: boolean): Promise<Answer> {
  let body = ''
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (slowly) await sleep(40)
    else body += piece.toString('latin1')
  }
  return { status: answer.statusCode ?? 0, body, bytes }
}
