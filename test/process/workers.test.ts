// The master and its workers while nothing special happens, and when one of them dies.

import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { descriptorLinks, type ProcessStat } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

/** `return` would answer before any limit is asked. */
const PAGE = { 'html/page': 'served' }

/** A zone that lets one request through and refuses the next ones for a long while. */
const ONE_REQUEST = `
  limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
  server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=one; } }`

const PLAIN = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'

function titleOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
}

async function statusOf(sluice: ServerProcess): Promise<number> {
  return (await ask(sluice.port('a'), getOnce('/page'))).status
}

/** Milliseconds since a process was started. */
function ageMs({ startTicks }: ProcessStat): number {
  const [uptime] = readFileSync('/proc/uptime', 'latin1').split(' ')
  return Number(uptime) * 1000 - startTicks * 10
}

/** Waits until `count` workers have started since the log began. */
function started(sluice: ServerProcess, count: number): Promise<unknown> {
  return waitFor(`${count} started workers`, () => sluice.logLines(/start worker process \d+$/).length >= count)
}

describe('workers', () => {
  test('as many as configured run, each with its title, in a session of its own', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 3 })
    await serving(sluice)
    expect(sluice.workers()).toHaveLength(3)
    for (const { pid } of sluice.workers()) {
      await waitFor('its title', () => titleOf(pid) === 'sluice: worker process')
      const session = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]
      expect(Number(session)).toBe(pid)
    }
    expect(titleOf(sluice.pid)).toMatch(/^sluice: master process/)
    expect(sluice.file('server.pid')).toBe(`${sluice.pid}\n`)
    expect(await statusOf(sluice)).toBe(200)
  })

  test('a killed worker is replaced, and what the others counted is not forgotten', async () => {
    const sluice = await startSluice({
      files: PAGE,
      http: ONE_REQUEST,
      workers: 2,
      expectAlerts: [/worker process \d+ exited on signal 9/],
    })
    await serving(sluice)
    expect(await statusOf(sluice)).toBe(200)
    const [victim] = sluice.workers()
    process.kill(victim!.pid, 'SIGKILL')
    await started(sluice, 3)
    await sluice.waitForLog(new RegExp(`\\[alert\\].* worker process ${victim!.pid} exited on signal 9`))
    await waitFor('two workers', () => sluice.workers().length === 2)
    for (let attempt = 0; attempt < 4; attempt++) expect(await statusOf(sluice)).toBe(503)
  })

  test('a worker that is killed again and again is replaced each time, and the others serve', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 2, expectAlerts: [/exited on signal 9/] })
    await serving(sluice)
    const [, survivor] = sluice.workers()
    for (let round = 0; round < 3; round++) {
      await waitFor('the victim', () => sluice.workers().some(({ pid }) => pid !== survivor!.pid))
      for (const { pid } of sluice.workers()) if (pid !== survivor!.pid) process.kill(pid, 'SIGKILL')
      await waitFor('its death', () => sluice.logLines(/exited on signal 9/).length === round + 1)
      expect(await statusOf(sluice)).toBe(200)
    }
    await waitFor('two workers', () => sluice.workers().length === 2)
  })

  test('a worker that the system refuses to start again is tried again with growing pauses', async () => {
    const sluice = await startSluice({
      http: PLAIN,
      workers: 2,
      expectAlerts: [/exited on signal 9/, /while spawning "worker process"/, /could not respawn worker process/],
    })
    await serving(sluice)
    const limitDescriptors = (soft: string) => {
      const { status } = spawnSync('prlimit', ['--pid', String(sluice.pid), `--nofile=${soft}:`])
      expect(status).toBe(0)
    }
    const [, soft = ''] = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${sluice.pid}/limits`, 'latin1')) ?? []
    const [victim, survivor] = sluice.workers()
    limitDescriptors('10')
    process.kill(victim!.pid, 'SIGKILL')
    const failure = /\[alert\] \d+#\d+: \w+\(\) failed while spawning "worker process" \(24: Too many open files\)$/
    await waitFor('two attempts', () => sluice.logLines(failure).length >= 2)
    expect(sluice.logLines(/\[alert\].* could not respawn worker process$/).length).toBeGreaterThanOrEqual(2)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual([survivor!.pid])
    expect(await statusOf(sluice)).toBe(200)
    limitDescriptors(soft)
    await waitFor('two workers', () => sluice.workers().length === 2, 20_000)
    expect(await statusOf(sluice)).toBe(200)
  })

  test('a worker that dies at once is started with growing pauses until it lives, and the others serve', async () => {
    const sluice = await startSluice({
      http: PLAIN,
      workers: 2,
      files: {
        'mortal.cjs': `
          const dies = require('node:fs').existsSync(__dirname + '/die')
          if (process.argv.includes(':worker') && dies) process.exit(1)`,
      },
      main: 'env NODE_OPTIONS=--require=%%DIR%%/mortal.cjs;',
      expectAlerts: [/exited on signal 9/],
    })
    await serving(sluice)
    const [victim] = sluice.workers()
    writeFileSync(`${sluice.dir}/die`, '')
    const since = Date.now()
    process.kill(victim!.pid, 'SIGKILL')
    await started(sluice, 2 + 6)
    // At the latest from the third of the six on there are pauses: 100, 200, 400 and 800 ms.
    expect(Date.now() - since).toBeGreaterThan(1400)
    expect(await statusOf(sluice)).toBe(200)
    rmSync(`${sluice.dir}/die`)
    await waitFor('two workers', () => sluice.workers().length === 2)
    // Alive again, it has no past.
    await waitFor('it to live for a while', () => sluice.workers().every((stat) => ageMs(stat) > 1200))
    const count = sluice.logLines(/start worker process \d+$/).length
    process.kill(sluice.workers().at(-1)!.pid, 'SIGKILL')
    await started(sluice, count + 1)
    await waitFor('two workers', () => sluice.workers().length === 2)
  })

  test('a respawned worker runs the configuration in force, whatever has become of the files', async () => {
    const sluice = await startSluice({ http: PLAIN, expectAlerts: [/exited on signal 9/] })
    await serving(sluice)
    rmSync(`${sluice.dir}/server.conf`)
    process.kill(sluice.workers()[0]!.pid, 'SIGKILL')
    await started(sluice, 2)
    expect((await ask(sluice.port('a'), getOnce('/page'))).body).toBe('served')
  })

  test('workers hold the sockets, one channel per sibling and nothing else of the master', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 3 })
    await serving(sluice)
    for (const { pid } of sluice.workers()) {
      // Own channel, life, listening socket, two siblings.
      await waitFor(
        'its sockets',
        () => descriptorLinks(pid, 3).filter((name) => name.startsWith('socket:')).length === 5,
      )
      expect(descriptorLinks(pid, 3).filter((name) => name.startsWith('/memfd:'))).toEqual([])
    }
  })

  test('nothing of the caller reaches a worker but TZ and what env names', async () => {
    const sluice = await startSluice({
      http: PLAIN,
      main: 'env GIVEN=value; env KEPT; env LD_BIND_NOW;',
      env: {
        TZ: 'UTC',
        KEPT: 'kept',
        SECRET: 'secret',
        NODE_OPTIONS: '--no-warnings',
        LD_LIBRARY_PATH: '/nowhere',
        LD_BIND_NOW: '1',
      },
    })
    await serving(sluice)
    const [worker] = sluice.workers()
    const environment = readFileSync(`/proc/${worker!.pid}/environ`, 'latin1').split('\0').filter(Boolean).sort()
    expect(environment).toEqual(['GIVEN=value', 'KEPT=kept', 'LD_BIND_NOW=1', 'TZ=UTC'])
  })

  test('USR1 makes all processes write to new files', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 2, logLevel: 'notice' })
    await serving(sluice)
    renameSync(`${sluice.dir}/logs/error.log`, `${sluice.dir}/logs/error.log.1`)
    sluice.signal('SIGUSR1')
    await waitFor('the workers to reopen', () => {
      return sluice.file('logs/error.log.1').split('reopening logs').length - 1 === 4
    })
    const [worker] = sluice.workers()
    process.kill(worker!.pid, 'SIGHUP')
    await sluice.waitForLog(new RegExp(`${worker!.pid}#${worker!.pid}: signal 1 \\(SIGHUP\\) received.*, ignoring`))
    expect(sluice.file('logs/error.log.1')).not.toContain('SIGHUP')
  })

  test('when the master is killed, workers finish what they serve and leave', async () => {
    const sluice = await startSluice({
      files: PAGE,
      http: `
        limit_req_zone $binary_remote_addr zone=slow:1m rate=30r/m;
        server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=slow burst=5; } }`,
      workers: 2,
      expectAlerts: [/the master process \d+ is gone/],
    })
    await serving(sluice)
    expect(await statusOf(sluice)).toBe(200)
    const waiting = await Client.connect(sluice.port('a'))
    waiting.send(request('GET', '/page'))
    const workers = sluice.workers()
    await waitFor('the request to be delayed', () => /delaying request/.test(sluice.log()))
    process.kill(sluice.pid, 'SIGKILL')
    expect((await waiting.response()).status).toBe(200)
    await waitFor('the orphans to leave', () => sluice.logLines(/: exit$/).length === workers.length)
    // The harness must not take the murder for a failed stop.
    await sluice.exited()
    await expect(sluice.end())
      .rejects.toThrow('it ended with SIGKILL')
      .catch(() => {})
  })
})
