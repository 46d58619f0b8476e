// USR2: a new binary serves beside the old one, with its sockets and its zones, until the operator ends one of them.

import { existsSync, renameSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { isAlive, processStat } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

/** A test starts up to six programs one after the other. */
vi.setConfig({ testTimeout: 120_000 })
const PATIENCE_MS = 30_000

const PAGE = { 'html/page': 'served' }
/** Lets 1 + 10 requests of a key through, then none for a while. */
const LIMITED = `
  limit_req_zone $arg_k zone=one:1m rate=1r/m;
  server {
    listen 127.0.0.1:%%PORT:a%%;
    listen unix:%%SOCK:b%%;
    location / { root %%DIR%%/html; limit_req zone=one burst=10 nodelay; }
  }`

const statusOf = async (sluice: ServerProcess, key: string) =>
  (await ask(sluice.port('a'), getOnce(`/page?k=${key}`))).status

/** USR2; resolves with the pid of the old master when the new one serves. */
async function upgrade(sluice: ServerProcess): Promise<number> {
  const old = sluice.pid
  const generations = sluice.logLines(/worker processes are ready$/).length
  sluice.signal('SIGUSR2')
  await serving(sluice, generations + 1)
  expect(sluice.oldPid).toBe(old)
  expect(sluice.pid).not.toBe(old)
  return old
}

/** WINCH to the old master; resolves when its workers have left. */
async function dismissWorkers(sluice: ServerProcess, master: number): Promise<void> {
  process.kill(master, 'SIGWINCH')
  await waitFor('the workers of the old master to leave', () => sluice.workers(master).length === 0, PATIENCE_MS)
}

async function gone(pid: number): Promise<void> {
  await waitFor(`${pid} to be gone`, () => (processStat(pid)?.state ?? 'Z') === 'Z', PATIENCE_MS)
}

describe('a binary upgrade', () => {
  test('hands over sockets and zones, and both masters limit together', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 2, daemon: true })
    await serving(sluice)
    expect(await statusOf(sluice, 'before')).toBe(200)
    const old = await upgrade(sluice)
    expect(sluice.workers(old)).toHaveLength(2)
    expect(sluice.workers()).toHaveLength(2)
    expect(sluice.log()).toMatch(
      /: changing binary\n.*: start new binary process \d+\n.*: using inherited sockets from "3;4;"/,
    )

    // Connections go to workers of both; were the counts apart, some more would pass.
    const statuses = []
    for (let attempt = 0; attempt < 24; attempt++) statuses.push(await statusOf(sluice, 'both'))
    expect(statuses.filter((status) => status === 200)).toHaveLength(11)
    for (let attempt = 0; attempt < 10; attempt++) expect(await statusOf(sluice, 'before')).toBe(200)
    expect(await statusOf(sluice, 'before')).toBe(503)

    await dismissWorkers(sluice, old)
    expect(await statusOf(sluice, 'both')).toBe(503)
    process.kill(old, 'SIGQUIT')
    await gone(old)
    expect(sluice.oldPid).toBeUndefined()
    expect(await statusOf(sluice, 'both')).toBe(503)
    expect((await ask(sluice.sock('b'), getOnce('/page?k=unix'))).status).toBe(200)
  })

  test('can be taken back: HUP to the old master, QUIT to the new one', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 2, daemon: true })
    await serving(sluice)
    const old = await upgrade(sluice)
    await dismissWorkers(sluice, old)
    for (let attempt = 0; attempt < 12; attempt++) await statusOf(sluice, 'k')
    // What the files say now is for the new binary: the old master goes back to what it has.
    await sluice.writeConf('no configuration')
    process.kill(old, 'SIGHUP')
    await waitFor('the old workers', () => sluice.workers(old).length === 2, PATIENCE_MS)
    const fresh = sluice.pid
    process.kill(fresh, 'SIGQUIT')
    await gone(fresh)
    await waitFor(
      'the pid file of the old master',
      () => sluice.oldPid === undefined && sluice.pid === old,
      PATIENCE_MS,
    )
    expect(await statusOf(sluice, 'k')).toBe(503)
    expect((await ask(sluice.sock('b'), getOnce('/page?k=unix'))).status).toBe(200)
    expect(sluice.workers()).toHaveLength(2)
  })

  test('a HUP to the old master whose workers serve starts no second set of them', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 1, daemon: true })
    await serving(sluice)
    const old = await upgrade(sluice)
    const [worker] = sluice.workers(old)
    process.kill(old, 'SIGHUP')
    await sluice.waitForLog(/SIGHUP\) received from \d+, reconfiguring/)
    process.kill(old, 'SIGUSR1')
    await sluice.waitForLog(new RegExp(`${old}#${old}: reopening logs`))
    expect(sluice.workers(old).map(({ pid }) => pid)).toEqual([worker!.pid])
  })

  test('a new binary that is killed leaves the old master with its pid file and its workers', async () => {
    const sluice = await startSluice({
      files: PAGE,
      http: LIMITED,
      daemon: true,
      expectAlerts: [/new binary process \d+ exited on signal 9/, /the master process \d+ is gone/],
    })
    await serving(sluice)
    const old = await upgrade(sluice)
    await dismissWorkers(sluice, old)
    const fresh = sluice.pid
    const [orphan] = sluice.workers()
    process.kill(fresh, 'SIGKILL')
    await waitFor(
      'the pid file of the old master',
      () => sluice.oldPid === undefined && sluice.pid === old,
      PATIENCE_MS,
    )
    await waitFor('its workers', () => sluice.workers().length === 1, PATIENCE_MS)
    await waitFor('the orphan to leave', () => !isAlive(orphan!), PATIENCE_MS)
    expect(await statusOf(sluice, 'k')).toBe(200)
    expect((await ask(sluice.sock('b'), getOnce('/page?k=unix'))).status).toBe(200)
    await sluice.reload()
    expect(await statusOf(sluice, 'k')).toBe(200)
  })

  test('a new binary that cannot start leaves everything as it was', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, daemon: true, expectAlerts: [/unknown directive/] })
    await serving(sluice)
    const old = sluice.pid
    await sluice.writeConf(wholeConf({ http: 'nonsense on;' }))
    sluice.signal('SIGUSR2')
    await sluice.waitForLog(/new binary process \d+ exited with code 1/, PATIENCE_MS)
    expect(sluice.pid).toBe(old)
    expect(sluice.oldPid).toBeUndefined()
    expect(await statusOf(sluice, 'k')).toBe(200)
    expect((await ask(sluice.sock('b'), getOnce('/page?k=unix'))).status).toBe(200)
    // And the next attempt is not refused.
    await sluice.writeConf(wholeConf({ http: LIMITED }))
    await upgrade(sluice)
    expect(await statusOf(sluice, 'k')).toBe(200)
  })

  test('a zone with another key is refused as by a reload', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, daemon: true, expectAlerts: [/previously it used/] })
    await serving(sluice)
    await sluice.writeConf(wholeConf({ http: LIMITED.replace('$arg_k', '$uri') }))
    sluice.signal('SIGUSR2')
    await sluice.waitForLog(/limit_req "one" uses the "\$uri" key while previously it used the "\$arg_k" key/)
    await sluice.waitForLog(/new binary process \d+ exited with code 1/, PATIENCE_MS)
    expect(await statusOf(sluice, 'k')).toBe(200)
  })

  test('sockets and zones that the new configuration does not want are let go, others are opened', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, daemon: true })
    await serving(sluice)
    await sluice.writeConf(
      wholeConf({
        http: `
          limit_req_zone $arg_k zone=two:1m rate=1r/m;
          server { listen 127.0.0.1:%%PORT:c%%; location / { root %%DIR%%/html; limit_req zone=two; } }`,
      }),
    )
    const old = await upgrade(sluice)
    expect((await ask(sluice.port('c'), getOnce('/page?k=k'))).status).toBe(200)
    // The socket file is the old master's as long as that runs.
    expect(existsSync(sluice.sock('b'))).toBe(true)
    await dismissWorkers(sluice, old)
    process.kill(old, 'SIGHUP')
    await waitFor('the old workers', () => sluice.workers(old).length === 1, PATIENCE_MS)
    expect((await ask(sluice.sock('b'), getOnce('/page?k=unix'))).status).toBe(200)
    const fresh = sluice.pid
    process.kill(fresh, 'SIGTERM')
    await gone(fresh)
    await expect(Client.connect(sluice.port('c'))).rejects.toThrow('ECONNREFUSED')
    expect(await statusOf(sluice, 'k')).toBe(200)
  })

  test('another upgrade has to wait until the first one is decided', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, daemon: true })
    await serving(sluice)
    const old = await upgrade(sluice)
    const refusals = () =>
      sluice.logLines(/\[crit\].*the changing binary signal is ignored: you should shutdown/).length
    process.kill(old, 'SIGUSR2')
    await waitFor('the old master to refuse', () => refusals() === 1)
    process.kill(sluice.pid, 'SIGUSR2')
    await waitFor('the new master to refuse', () => refusals() === 2)
    process.kill(old, 'SIGQUIT')
    await gone(old)
    await upgrade(sluice)
    expect(await statusOf(sluice, 'k')).toBe(200)
  })

  test('requests of the old workers are served to their end', async () => {
    const http = `
      limit_req_zone $binary_remote_addr zone=slow:1m rate=30r/m;
      server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=slow burst=5; } }`
    const sluice = await startSluice({ files: PAGE, http, daemon: true })
    await serving(sluice)
    await ask(sluice.port('a'), getOnce('/page'))
    const waiting = await Client.connect(sluice.port('a'))
    waiting.send(request('GET', '/page'))
    await sluice.waitForLog(/delaying request/)
    const old = await upgrade(sluice)
    process.kill(old, 'SIGQUIT')
    expect((await waiting.response()).status).toBe(200)
    await gone(old)
  })
})

test('with daemon off an upgrade is refused', async () => {
  const sluice = await startSluice({ files: PAGE, http: LIMITED })
  await serving(sluice)
  sluice.signal('SIGUSR2')
  await sluice.waitForLog(
    /signal 12 \(SIGUSR2\) received from \d+, ignoring\n.*\[crit\].*the changing binary signal is ignored/,
  )
  sluice.signal('SIGWINCH')
  await sluice.waitForLog(/signal 28 \(SIGWINCH\) received from \d+\n/)
  expect(await statusOf(sluice, 'k')).toBe(200)
})

test('when the pid file cannot be moved aside nothing is started', async () => {
  const sluice = await startSluice({
    files: PAGE,
    http: LIMITED,
    daemon: true,
    expectAlerts: [/rename\(\)/, /unlink\(\)/],
  })
  await serving(sluice)
  const { pid } = sluice
  renameSync(`${sluice.dir}/server.pid`, `${sluice.dir}/other.pid`)
  process.kill(pid, 'SIGUSR2')
  await sluice.waitForLog(
    /\[alert\].*rename\(\) .*server\.pid to .*server\.pid\.oldbin failed before executing new binary process \(2: No such file/,
  )
  renameSync(`${sluice.dir}/other.pid`, `${sluice.dir}/server.pid`)
  expect(await statusOf(sluice, 'k')).toBe(200)
})
