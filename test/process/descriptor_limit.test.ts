// A master that runs out of descriptors, at whatever step: what it was asked for fails, and what it has goes on. And workers
// that have none left: they still hear what they are told.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { httpOrigin } from '../harness/origin.ts'
import { childrenOf, descriptorCounts, descriptorLinks } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 120_000 })
const PATIENCE_MS = 40_000
const WORKERS = 2

const OLD = `
  limit_req_zone $arg_k zone=one:64k rate=1r/s;
  server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "old"; } }`
/** Wants a descriptor more of each kind. */
const NEW = `
  limit_req_zone $arg_k zone=one:64k rate=1r/s;
  limit_req_zone $arg_k zone=two:64k rate=1r/s;
  access_log logs/more.log;
  server {
    listen 127.0.0.1:%%PORT:a%%;
    listen unix:%%SOCK:b%%;
    location / { return 200 "new"; }
  }`

/** The soft limit of a process; 'all' is what it had. */
function limitDescriptors({ pid }: { readonly pid: number }, limit: number | 'all'): void {
  const [, hard = ''] = /^Max open files +\S+ +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? []
  const { status } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit === 'all' ? hard : limit}:`])
  expect(status).toBe(0)
}

const answerOf = async (sluice: ServerProcess) => (await ask(sluice.port('a'), getOnce('/'))).body
const counts = ({ pid }: ServerProcess) => JSON.stringify([...descriptorCounts(pid)].sort())

test('a reload fails at each step, leaves nothing, and succeeds when there is room', async () => {
  const sluice = await startSluice({
    http: OLD,
    workers: WORKERS,
    logLevel: 'notice',
    expectAlerts: [/\(24: Too many open files\)/, /new worker processes? .*, the old configuration stays in force/],
  })
  await serving(sluice)
  const old = sluice.workers().map(({ pid }) => pid)
  const before = counts(sluice)
  await sluice.writeConf(wholeConf({ http: NEW, workers: WORKERS, logLevel: 'notice' }))
  const refused = new Set<string>()
  const used = descriptorLinks(sluice.pid).length
  for (let room = 0; ; room++) {
    const mark = sluice.log().length
    limitDescriptors(sluice, used + room)
    sluice.signal('SIGHUP')
    const [line] = await waitFor(
      'the end of the reload',
      () => /^.*(\[emerg\]|worker processes are ready$).*$/m.exec(sluice.log().slice(mark)) ?? undefined,
      PATIENCE_MS,
    )
    if (line.endsWith('are ready')) break
    refused.add(line.replace(/^.*?\d: /, '').replace(/ .*/, ''))
    await waitFor('the same descriptors', () => counts(sluice) === before, PATIENCE_MS)
    await waitFor('the old workers alone', () => childrenOf(sluice.pid).length === WORKERS, PATIENCE_MS)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual(old)
    expect(await answerOf(sluice)).toBe('old')
    expect(existsSync(sluice.sock('b'))).toBe(false)
  }
  // Logs and configuration, zones and the snapshot, sockets, workers.
  expect([...refused]).toEqual(expect.arrayContaining(['open()', 'memfd_create()', 'socket()', 'new']))
  limitDescriptors(sluice, 'all')
  await waitFor('the new configuration', async () => (await answerOf(sluice)) === 'new', PATIENCE_MS)
  expect((await ask(sluice.sock('b'), getOnce('/'))).body).toBe('new')
})

test('a binary upgrade is given up, and the next one is not', async () => {
  const sluice = await startSluice({
    http: OLD,
    workers: WORKERS,
    logLevel: 'notice',
    daemon: true,
    expectAlerts: [/execve\(\) failed while executing new binary process ".*" \(24: Too many open files\)/],
  })
  await serving(sluice)
  const { pid } = sluice
  const before = counts(sluice)
  const failures = () => sluice.logLines(/\[alert\].* execve\(\) failed while executing new binary process/).length
  for (let attempt = 1; attempt <= 2; attempt++) {
    // Below all that is open: what is open above it may have gaps, in which there would be room.
    limitDescriptors(sluice, 8)
    process.kill(pid, 'SIGUSR2')
    await waitFor('the failure', () => failures() === attempt, PATIENCE_MS)
    await waitFor('the pid file', () => sluice.oldPid === undefined && sluice.pid === pid)
    expect(await answerOf(sluice)).toBe('old')
    expect(counts(sluice)).toBe(before)
  }
  limitDescriptors(sluice, 'all')
  process.kill(pid, 'SIGUSR2')
  await serving(sluice, 2)
  expect(sluice.oldPid).toBe(pid)
})

test('workers that cannot take the channels of their successors still end when these serve', async () => {
  const sluice = await startSluice({
    http: OLD,
    workers: WORKERS,
    logLevel: 'notice',
    expectAlerts: [/recvmsg\(\) truncated data: no descriptor for command 1$/],
  })
  await serving(sluice)
  const old = sluice.workers()
  for (const worker of old) limitDescriptors(worker, 8)
  await sluice.writeConf(wholeConf({ http: NEW, workers: WORKERS, logLevel: 'notice' }))
  sluice.signal('SIGHUP')
  await waitFor('the new workers alone', () => {
    const pids = childrenOf(sluice.pid).map(({ pid }) => pid)
    return pids.length === WORKERS && !old.some(({ pid }) => pids.includes(pid))
  })
  expect(sluice.logLines(/recvmsg\(\) truncated data/)).not.toEqual([])
  expect(await answerOf(sluice)).toBe('new')
})

test('a worker that cannot connect for want of a descriptor does not blame the upstream', async () => {
  const origins = [await httpOrigin(() => 'ok'), await httpOrigin(() => 'ok')]
  const sluice = await startSluice({
    ports: { one: origins[0]!.port, two: origins[1]!.port },
    http: `
      upstream back { server 127.0.0.1:%%PORT:one%% fail_timeout=1h; server 127.0.0.1:%%PORT:two%% fail_timeout=1h; }
      server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://back; } }`,
    expectAlerts: [/socket\(\) failed \(24: Too many open files\) while connecting to upstream/],
  })
  const worker = sluice.workers()[0]!
  const client = await Client.connect(sluice.port('a'))
  client.send(request('GET', '/'))
  expect((await client.response()).status).toBe(200)
  for (const { connections } of origins) for (const connection of connections) connection.end()
  await waitFor('no connection to be kept', () => origins.every(({ connections }) => connections.every((c) => c.ended)))
  limitDescriptors(worker, 8)
  client.send(request('GET', '/'))
  expect((await client.response()).status).toBe(500)
  limitDescriptors(worker, 'all')
  for (let i = 0; i < 4; i++) expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(200)
  client.destroy()
})
