// Real requests to applications of real frameworks, over loopback sockets.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import { openSharedZone } from '../../../src/limiter/shared_zone.ts'
import type { Zone } from '../../../src/limiter/types.ts'
import { addon } from '../../../src/native/addon.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Client {
  readonly port: number
  get(path?: string, headers?: Record<string, string>): Promise<Answer>
  /** Statuses of requests one after the other. */
  statuses(n: number, path?: string, headers?: Record<string, string>): Promise<number[]>
}

let zones = 0

export function testZone(): Zone {
  const zone = openMemoryZone(`adapters${++zones}`)
  onTestFinished(() => zone.unlink())
  return zone
}

export const KINDS = ['one process’s memory', 'shared memory'] as const

/** A zone of either kind, with a clock that stands until the test turns it. */
export function clockedZone(kind: (typeof KINDS)[number]): { readonly zone: Zone; readonly clock: { nowMs: number } } {
  if (kind === 'one process’s memory') {
    const clock = { nowMs: 1_000_000 }
    const zone = openMemoryZone(`adapters${++zones}`, {}, () => clock.nowMs)
    onTestFinished(() => zone.unlink())
    return { zone, clock }
  }
  const dir = mkdtempSync(join(tmpdir(), 'sluice-adapters-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const shared = new Float64Array([1_000_000])
  const clock = {
    get nowMs(): number {
      return shared[0] ?? 0
    },
    set nowMs(nowMs: number) {
      shared[0] = nowMs
    },
  }
  return { zone: openSharedZone(addon, 'adapters', { dir }, shared), clock }
}

/** A server that is listening on a port of its own, until the test ends. */
export function serve(server: Server): Promise<Client> {
  onTestFinished(async () => {
    if (!server.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  server.listen(0, '127.0.0.1')
  return clientOf(server)
}

export async function clientOf(server: Server): Promise<Client> {
  if (!server.listening) await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const get = (path = '/', headers: Record<string, string> = {}) => ask(port, path, headers)
  return {
    port,
    get,
    statuses: async (n, path, headers) => {
      const statuses: number[] = []
      for (let i = 0; i < n; ++i) statuses.push((await get(path, headers)).status)
      return statuses
    },
  }
}

async function ask(port: number, path: string, headers: Record<string, string>): Promise<Answer> {
  const asked = request({ host: '127.0.0.1', port, path, headers, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  response.setEncoding('utf8')
  let text = ''
  for await (const piece of response) text += piece
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}
