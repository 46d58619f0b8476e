// Ends: QUIT waits for what is being served, TERM does not, and nothing is left of either.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

/** `return` would answer before any limit is asked. */
const PAGE = { 'html/page': 'served' }

const SLOW = `
  limit_req_zone $binary_remote_addr zone=slow:1m rate=30r/m;
  server {
    listen 127.0.0.1:%%PORT:a%%;
    listen unix:%%SOCK:b%%;
    location / { root %%DIR%%/html; limit_req zone=slow burst=5; }
  }`

/** A client whose request waits for about two seconds. */
async function delayedClient(sluice: ServerProcess): Promise<Client> {
  await ask(sluice.port('a'), getOnce('/page'))
  const client = await Client.connect(sluice.port('a'))
  client.send(request('GET', '/page'))
  await sluice.waitForLog(/delaying request/)
  return client
}

async function isRefused(sluice: ServerProcess): Promise<boolean> {
  try {
    const client = await Client.connect(sluice.port('a'))
    client.destroy()
    return false
  } catch (error) {
    return /ECONNREFUSED/.test(String(error))
  }
}

describe('QUIT', () => {
  test('answers waiting requests, refuses new connections and ends with 0', async () => {
    const sluice = await startSluice({ files: PAGE, http: SLOW, workers: 2 })
    await serving(sluice)
    const client = await delayedClient(sluice)
    sluice.signal('SIGQUIT')
    await waitFor('the workers to know', () => sluice.logLines(/gracefully shutting down/).length === 2)
    await waitFor('connections to be refused', () => isRefused(sluice))
    const response = await client.response()
    expect(response.status).toBe(200)
    expect(response.header('Connection')).toBe('close')
    expect(await sluice.exited()).toBe(0)
    expect(existsSync(`${sluice.dir}/server.pid`)).toBe(false)
    expect(existsSync(sluice.sock('b'))).toBe(false)
    expect(sluice.log()).toMatch(/signal 3 \(SIGQUIT\) received from \d+, shutting down/)
  })

  test('cuts off what lasts longer than worker_shutdown_timeout', async () => {
    const sluice = await startSluice({ files: PAGE, http: SLOW, main: 'worker_shutdown_timeout 100ms;' })
    await serving(sluice)
    const client = await delayedClient(sluice)
    sluice.signal('SIGQUIT')
    await client.closed()
    expect(client.received).toBe('')
    expect(await sluice.exited()).toBe(0)
  })
})

describe('TERM', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s drops requests and ends with 0 at once', async (signal) => {
    const sluice = await startSluice({ files: PAGE, http: SLOW, workers: 2 })
    await serving(sluice)
    const client = await delayedClient(sluice)
    sluice.signal(signal)
    await client.closed()
    expect(client.received).toBe('')
    expect(await sluice.exited()).toBe(0)
    expect(existsSync(`${sluice.dir}/server.pid`)).toBe(false)
  })

  test('kills a worker that does not answer, within the time of the escalation', async () => {
    const sluice = await startSluice({ files: PAGE, http: SLOW, expectAlerts: [/exited on signal 9/] })
    await serving(sluice)
    const [worker] = sluice.workers()
    process.kill(worker!.pid, 'SIGSTOP')
    sluice.signal('SIGTERM')
    expect(await sluice.exited()).toBe(0)
    expect(sluice.log()).toContain(`worker process ${worker!.pid} exited on signal 9`)
  })

  test('ends a QUIT that takes too long', async () => {
    const sluice = await startSluice({ files: PAGE, http: SLOW })
    await serving(sluice)
    const client = await delayedClient(sluice)
    sluice.signal('SIGQUIT')
    await sluice.waitForLog(/gracefully shutting down/)
    sluice.signal('SIGTERM')
    await client.closed()
    expect(await sluice.exited()).toBe(0)
  })
})

describe('a signal while the workers are starting', () => {
  test.each(['SIGQUIT', 'SIGTERM'] as const)('%s ends all of them', async (signal) => {
    const sluice = await startSluice({ files: PAGE, http: SLOW, workers: 4 })
    await serving(sluice)
    // On a loaded machine a worker may still be loading its code when a TERM becomes a KILL.
    if (signal === 'SIGTERM') sluice.expectAlert(/worker process \d+ exited on signal 9/)
    sluice.signal('SIGHUP')
    await sluice.waitForLog(/reconfiguring\n.*start worker process/s)
    sluice.signal(signal)
    expect(await sluice.exited()).toBe(0)
  })
})
