// `npm run bench -- idle`: what a keep-alive connection costs while nothing happens on it, sluice beside nginx. Each connection
// has had one request of a browser's kind. What lies between two numbers of connections is divided by their difference, so
// that neither the process itself nor its garbage counts.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { request } from '../../test/harness/http_text.ts'
import { tableLines } from '../table.ts'
import { startWithHttp } from './contenders/nginx_language.ts'
import { headersOf } from './scenario.ts'
import { smallGet } from './scenarios/small_get.ts'
import { memoryOf } from './usage.ts'

const STEPS = [500, 2500, 5000] as const
/** Connections are opened so many at a time. */
const BATCH = 100
/** Requests after each step, so that what a step has left behind is collected. */
const REQUESTS_TO_SETTLE = 20_000

const HTTP = `
  server {
    listen 127.0.0.1:%%PORT:front%% backlog=4096;
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    location / { return 200 "ok"; }
  }`

/** Runs the command. It has no verdict: always true. */
export async function idle(): Promise<boolean> {
  const rows = [['proxy', 'connections', 'RSS MB', 'kB a connection', 'PSS MB', 'kB a connection']]
  for (const which of ['sluice', 'nginx'] as const) rows.push(...(await measureIdle(which)))
  console.log('Idle keep-alive connections of one worker; memory a connection since the line before\n')
  for (const line of tableLines(rows)) console.log(line)
  return true
}

async function measureIdle(which: 'sluice' | 'nginx'): Promise<string[][]> {
  const proxy = await startWithHttp(which, { http: HTTP })
  const clients: IdleClient[] = []
  const rows: string[][] = []
  let before = { residentMb: Number.NaN, proportionalMb: Number.NaN, count: 0 }
  try {
    for (const count of STEPS) {
      while (clients.length < count) {
        const batch = Array.from({ length: BATCH }, () => new IdleClient(proxy.port))
        await Promise.all(batch.map((client) => client.ask()))
        clients.push(...batch)
      }
      for (let i = 0; i < REQUESTS_TO_SETTLE; i += BATCH) {
        await Promise.all(clients.slice(0, BATCH).map((client) => client.ask()))
      }
      const { residentMb, proportionalMb } = memoryOf(proxy.servingPid)
      const each = (mb: number, mbBefore: number): string => {
        const kb = ((mb - mbBefore) * 1024) / (count - before.count)
        return Number.isNaN(kb) ? '–' : kb.toFixed(1)
      }
      rows.push([
        which,
        String(count),
        residentMb.toFixed(1),
        each(residentMb, before.residentMb),
        proportionalMb.toFixed(1),
        each(proportionalMb, before.proportionalMb),
      ])
      before = { residentMb, proportionalMb, count }
    }
    return rows
  } finally {
    for (const client of clients) client.close()
    await proxy.stop()
  }
}

const REQUEST = request(
  'GET',
  '/',
  Object.entries(headersOf(smallGet)).map(([name, value]) => `${name}: ${value}`),
)

class IdleClient {
  readonly #socket: Socket

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
  }

  /** One request and its answer, which comes in one piece. */
  async ask(): Promise<void> {
    this.#socket.write(REQUEST)
    await once(this.#socket, 'data')
  }

  close(): void {
    this.#socket.destroy()
  }
}
