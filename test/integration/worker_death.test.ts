// A worker dies: the master replaces it, the others go on, and no limit forgets or doubles anything.

import { describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import { startLoad } from '../harness/load.ts'
import { isAlive } from '../harness/processes.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const HTTP = `
  limit_req_zone $arg_k zone=one:1m rate=1r/m;
  server {
    listen 127.0.0.1:%%PORT:a%%;
    root %%DIR%%/html;
    location / { return 200 "ok"; }
    location /limited { limit_req zone=one burst=119 nodelay; }
  }`

describe('a worker that is killed', () => {
  test('is replaced, and the master says so', async () => {
    const sluice = await startSluice({
      workers: 2,
      http: HTTP,
      expectAlerts: [/worker process \d+ exited on signal 9/],
    })
    const victim = await sluice.worker(0)
    const other = await sluice.worker(1)
    process.kill(victim.pid, 'SIGKILL')
    await sluice.waitForLog(new RegExp(`\\[alert\\] \\d+#\\d+: worker process ${victim.pid} exited on signal 9`))
    await waitFor('a new worker', () => sluice.workers().length === 2)
    expect(isAlive(other)).toBe(true)
    for (let i = 0; i < 20; i++) expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(200)
  })

  test('under load changes no count: burst + 1 pass, whoever decides', async () => {
    const sluice = await startSluice({
      workers: 2,
      http: HTTP,
      files: { 'html/limited': 'in\n' },
      expectAlerts: [/worker process \d+ exited on signal 9/, /shared memory zone "one" was locked by \d+/],
    })
    const load = startLoad(sluice.port('a'), 8, '/limited?k=crowd')
    for (let i = 0; i < 4; i++) {
      const before = [...load.counts.statuses.values()].reduce((a, b) => a + b, 0)
      await waitFor('answers', () => [...load.counts.statuses.values()].reduce((a, b) => a + b, 0) > before + 50)
      const victim = await sluice.worker(i % 2)
      process.kill(victim.pid, 'SIGKILL')
      await waitFor('its replacement', () => !isAlive(victim) && sluice.workers().length === 2)
    }
    const counts = await load.stop()
    const passed = counts.statuses.get(200) ?? 0
    // A request that was charged and then lost with its worker is missing from what we saw, never added.
    expect(passed).toBeLessThanOrEqual(120)
    expect(passed).toBeGreaterThanOrEqual(120 - counts.lost)
    expect((await ask(sluice.port('a'), getOnce('/limited?k=crowd'))).status).toBe(503)
  })

  test('all at once: the service comes back', async () => {
    const sluice = await startSluice({ workers: 3, http: HTTP, expectAlerts: [/exited on signal 9/] })
    const victims = sluice.workers()
    for (const { pid } of victims) process.kill(pid, 'SIGKILL')
    await waitFor(
      'three new ones',
      () => sluice.workers().filter(({ pid }) => victims.every((v) => v.pid !== pid)).length === 3,
    )
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(200)
  })
})

describe('a worker that is told to leave', () => {
  test('by SIGTERM is replaced', async () => {
    const sluice = await startSluice({ workers: 2, http: HTTP })
    const victim = await sluice.worker()
    process.kill(victim.pid, 'SIGTERM')
    await sluice.waitForLog(new RegExp(`worker process ${victim.pid} exited with code 0`))
    await waitFor('a new worker', () => sluice.workers().length === 2)
  })
})

describe('the master', () => {
  test('on SIGTERM ends at once, on SIGINT as well', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const sluice = await startSluice({ workers: 2, http: HTTP })
      await sluice.stop(signal)
    }
  })

  test('on SIGQUIT lets requests finish and removes its pid file', async () => {
    const sluice = await startSluice({ workers: 2, http: HTTP })
    const load = startLoad(sluice.port('a'), 4)
    await waitFor('answers', () => (load.counts.statuses.get(200) ?? 0) > 50)
    const stopped = load.stop()
    await stopped
    await sluice.end()
    expect(sluice.file('server.pid')).toBe('')
  })
})
