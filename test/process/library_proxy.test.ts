// A zone that a running proxy and processes with the library share: one bucket for a client, whoever of them it meets.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { binaryAddress, type HttpRateLimitOptions, rateLimit } from '../../src/adapters/http.ts'
import { type Limit, openZone, type Zone } from '../../src/limiter/index.ts'
import { ask } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { serving } from './serving.ts'

const LOOPBACK = Buffer.from([127, 0, 0, 1])
/** As many as the burst, and one; in the time of a test nothing is earned back. */
const QUOTA = 20

let state: string
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-shared-'))
  state = join(folder, 'one')
  onTestFinished(() => rmSync(folder, { recursive: true }))
})

async function startProxy(): Promise<ServerProcess> {
  const sluice = await startSluice({
    files: { 'html/x': 'in' },
    workers: 2,
    http: `
      limit_req_zone $binary_remote_addr zone=one:64k rate=1r/m state=${state};
      server {
        listen 127.0.0.1:%%PORT:a%%;
        listen [::]:%%PORT:dual%% ipv6only=off;
        location / { root %%DIR%%/html; limit_req zone=one burst=${QUOTA - 1} nodelay; }
      }`,
  })
  await serving(sluice)
  return sluice
}

function openShared(): { zone: Zone; limit: Limit } {
  const zone = openZone('one', { state, key: '$binary_remote_addr' })
  onTestFinished(() => zone.close())
  return { zone, limit: zone.limit({ name: 'any', rate: '1r/m', burst: QUOTA - 1 }) }
}

/** By a connection from 127.0.0.1. */
const passes = async (sluice: ServerProcess, listen: 'a' | 'dual' = 'a'): Promise<boolean> =>
  (await ask(sluice.port(listen), getOnce('/x'))).status === 200

/** An application with a middleware; returns how to ask it from 127.0.0.1. */
async function startApplication(options: HttpRateLimitOptions): Promise<() => Promise<number>> {
  const limited = rateLimit(options)
  const server = createServer((request, response) => limited(request, response, () => response.end('hello')))
  onTestFinished(() => void server.close())
  // Where IPv4 clients have mapped addresses, too.
  server.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return async () => (await ask(port, getOnce('/'))).status
}

describe('requests through the proxy and checks of the library', () => {
  test('count against one bucket', async () => {
    const sluice = await startProxy()
    const { zone, limit } = openShared()
    let passed = 0
    for (let i = 0; i < QUOTA; i++) {
      // A client that is refused here is refused there.
      if (await passes(sluice)) passed++
      if (limit.check(LOOPBACK).allowed) passed++
    }
    expect(passed).toBe(QUOTA)
    expect(await passes(sluice)).toBe(false)
    expect(limit.top(1)[0]?.key).toEqual(LOOPBACK)
    // Others have buckets of their own.
    expect(limit.check(Buffer.from([127, 0, 0, 2])).allowed).toBe(true)
    expect(zone.stats().rejected).toBeGreaterThanOrEqual(QUOTA)
    limit.reset(LOOPBACK)
    expect(await passes(sluice)).toBe(true)
  })

  test('go on over a reload and a restart of the proxy', async () => {
    const first = await startProxy()
    const { limit } = openShared()
    expect(limit.check(LOOPBACK, { cost: QUOTA }).allowed).toBe(true)
    await first.reload()
    expect(await passes(first)).toBe(false)
    await first.stop()
    expect(limit.check(LOOPBACK).allowed).toBe(false)
    expect(await passes(await startProxy())).toBe(false)
  })

  test('agree also when the library was first', async () => {
    const zone = openZone('one', { state, key: '$binary_remote_addr', size: '64k' })
    onTestFinished(() => zone.close())
    expect(zone.limit({ name: 'any', rate: '1r/m', burst: 99 }).check(LOOPBACK, { cost: QUOTA }).allowed).toBe(true)
    expect(await passes(await startProxy())).toBe(false)
  })
})

test('an application with a middleware meets the same bucket as the proxy', async () => {
  const sluice = await startProxy()
  const { zone } = openShared()
  const asked = await startApplication({ zone, rate: '1r/m', burst: QUOTA - 1 })
  const statuses: number[] = []
  for (let i = 0; i < QUOTA; i++) statuses.push(await asked())
  expect(statuses).toEqual(Array(QUOTA).fill(200))
  expect(await passes(sluice)).toBe(false)
  expect(await asked()).toBe(429)
})

test('a dual-stack socket of the proxy has buckets of its own for IPv4, which a middleware must ask for', async () => {
  const sluice = await startProxy()
  const { zone } = openShared()
  const limit = { zone, rate: '1r/m', burst: QUOTA - 1 }
  const cost = () => QUOTA
  const asked = await startApplication({ ...limit, cost })
  expect(await asked()).toBe(200)
  expect(await passes(sluice)).toBe(false)
  expect(await passes(sluice, 'dual')).toBe(true)
  const key = (request: IncomingMessage) => binaryAddress(request.socket.remoteAddress, { mapped: true })
  const askedMapped = await startApplication({ ...limit, key })
  for (let i = 1; i < QUOTA; i++) expect(await askedMapped()).toBe(200)
  expect(await passes(sluice, 'dual')).toBe(false)
  expect(await askedMapped()).toBe(429)
})

test('the library refuses a zone of the proxy with another key', async () => {
  await startProxy()
  expect(() => openZone('one', { state, key: '$binary_remote_net' })).toThrow(
    'uses the "$binary_remote_net" key while previously it used the "$binary_remote_addr" key',
  )
})
