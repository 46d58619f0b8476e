// What a load that must lose no request takes for a failure, also on a machine that stands still for a while.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { MixedLoad } from '../../harness/mixed_load.ts'
import { waitFor } from '../../harness/wait_for.ts'

/** Starts a load against a server of its own. */
async function loadOn(serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<MixedLoad> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-load-'))
  const server = createServer({ keepAliveTimeout: 60_000 }, serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(dir, { recursive: true })
  })
  return MixedLoad.start({ port: () => port, sock: (name) => join(dir, name) })
}

/** Several times longer than a kept connection is sure to stay; each time some clients are between two requests. */
async function standStill(): Promise<void> {
  for (let times = 0; times < 4; times++) {
    await sleep(50)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 950)
  }
  await sleep(50)
}

test('a fresh connection, or an answer that has begun, must not fail, however long the client has paused', async () => {
  let failed = 0
  const load = await loadOn((request, response) => {
    if (request.url?.startsWith('/new') === true) {
      failed++
      request.socket.destroy()
    } else if (request.url?.startsWith('/busy') === true) {
      failed++
      response.writeHead(200, { 'content-length': 2 })
      response.write('0', () => request.socket.destroy())
    } else {
      request.resume().on('end', () => response.end('0'))
    }
  })
  await standStill()
  const { failures } = await load.stop()
  expect(failures.filter((text) => /^(new|busy):/.test(text))).toHaveLength(failed)
}, 60_000)

test('a kept connection may be closed for a client that has paused, and for no other', async () => {
  const seen = new WeakSet<object>()
  let closed = 0
  const load = await loadOn((request, response) => {
    const isKept = seen.has(request.socket)
    seen.add(request.socket)
    if (isKept && request.url?.startsWith('/pausing') === true) {
      closed++
      request.socket.destroy()
    } else {
      request.resume().on('end', () => response.end('0'))
    }
  })
  await waitFor('connections to be closed early', () => closed > 3)
  await standStill()
  const failures = (await load.stop()).failures.filter((text) => text.startsWith('pausing:'))
  expect(failures.length).toBeGreaterThan(3)
  expect(failures.length).toBeLessThan(closed)
}, 60_000)
