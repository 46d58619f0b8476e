// Every signal, to the master and to a worker, as the table of the specification has it: what is logged, what is done, and
// what is not. What signals do in each state of an instance is in operations_*.test.ts.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, test, vi } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { isAlive } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 120_000 })
const PATIENCE_MS = 30_000

type SignalName = keyof typeof constants.signals

const PLAIN = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'

/** How long a request waits at the limit: two seconds. */
const SLOW = `
  limit_req_zone $binary_remote_addr zone=slow:1m rate=30r/m;
  server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=slow burst=5; } }`

/** `signal N (NAME) received from US, ACTION` by that process. */
function received(pid: number, name: SignalName, action: string): RegExp {
  const text = `signal ${constants.signals[name]} \\(${name}\\) received from ${process.pid}${action}`
  return new RegExp(`\\[notice\\] ${pid}#${pid}: ${text}$`, 'm')
}

/** Signals of a mask of /proc/PID/status. */
function mask(pid: number, name: 'SigIgn' | 'SigCgt' | 'SigBlk' | 'ShdPnd'): Set<number> {
  const [, hex = '0'] = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  )!
  return new Set(
    Array.from({ length: 31 }, (_, i) => i + 1).filter((n) => ((BigInt(`0x${hex}`) >> BigInt(n - 1)) & 1n) === 1n),
  )
}

function numbers(...names: SignalName[]): number[] {
  return names.map((name) => constants.signals[name])
}

async function isServed(sluice: ServerProcess): Promise<void> {
  expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
}

describe('the dispositions of signals', () => {
  const CAUGHT = numbers('SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM', 'SIGWINCH')

  test('of master and worker', async () => {
    const sluice = await startSluice({ http: PLAIN })
    await serving(sluice)
    const worker = await sluice.worker()
    for (const pid of [sluice.pid, worker.pid]) {
      expect([...mask(pid, 'SigCgt')]).toEqual(expect.arrayContaining(CAUGHT))
      expect([...mask(pid, 'SigIgn')]).toEqual(expect.arrayContaining(numbers('SIGPIPE', 'SIGSYS')))
      expect([...mask(pid, 'SigBlk')]).toEqual([])
    }
    expect(mask(sluice.pid, 'SigIgn')).toContain(constants.signals.SIGIO)
    expect(mask(worker.pid, 'SigCgt')).toContain(constants.signals.SIGIO)
  })

  test('of a single process', async () => {
    const sluice = await startSluice({ http: PLAIN, main: 'master_process off;', unready: true })
    await waitFor('it to catch signals', () => mask(sluice.pid, 'SigCgt').has(constants.signals.SIGQUIT), PATIENCE_MS)
    expect([...mask(sluice.pid, 'SigCgt')]).toEqual(expect.arrayContaining(CAUGHT))
    expect([...mask(sluice.pid, 'SigIgn')]).toEqual(expect.arrayContaining(numbers('SIGPIPE', 'SIGSYS', 'SIGIO')))
    await isServed(sluice)
  })
})

describe('signals that ask for nothing', () => {
  test('are logged, or not even that, and master and worker go on', async () => {
    const sluice = await startSluice({ http: PLAIN, logLevel: 'notice' })
    await serving(sluice)
    const worker = await sluice.worker()
    const toMaster: [SignalName, string][] = [
      ['SIGUSR2', ', ignoring'],
      ['SIGWINCH', ''],
      ['SIGALRM', ''],
    ]
    const toWorker: [SignalName, string][] = [
      ['SIGHUP', ', ignoring'],
      ['SIGUSR2', ', ignoring'],
      ['SIGIO', ', ignoring'],
      ['SIGWINCH', ''],
      ['SIGALRM', ''],
    ]
    for (const name of ['SIGPIPE', 'SIGSYS', 'SIGIO'] as const) process.kill(sluice.pid, name)
    for (const name of ['SIGPIPE', 'SIGSYS'] as const) process.kill(worker.pid, name)
    for (const [name] of toMaster) process.kill(sluice.pid, name)
    for (const [name] of toWorker) process.kill(worker.pid, name)
    for (const [name, action] of toMaster) await sluice.waitForLog(received(sluice.pid, name, action), PATIENCE_MS)
    for (const [name, action] of toWorker) await sluice.waitForLog(received(worker.pid, name, action), PATIENCE_MS)
    // With a parent that lives (a shell, a service manager) this is no daemon that could be upgraded.
    expect(sluice.log()).toMatch(/\[crit\].*the changing binary signal is ignored: you should shutdown or terminate/)
    expect(sluice.logLines(/SIGPIPE|SIGSYS/)).toEqual([])
    expect(sluice.logLines(/SIGIO/)).toHaveLength(1)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual([worker.pid])
    await isServed(sluice)
  })
})

describe('a signal to a worker', () => {
  const ENDS: [SignalName, string, RegExp, boolean][] = [
    ['SIGQUIT', ', shutting down', /gracefully shutting down\n(.*\n)*.*: exiting\n(.*\n)*.*: exit\n/, false],
    ['SIGTERM', ', exiting', /: exiting\n(.*\n)*.*: exit\n/, false],
    ['SIGINT', ', exiting', /: exiting\n(.*\n)*.*: exit\n/, false],
    ['SIGWINCH', ', shutting down', /gracefully shutting down\n(.*\n)*.*: exiting\n(.*\n)*.*: exit\n/, true],
  ]
  test.each(ENDS)('%s ends it, and another one takes its place', async (name, action, lines, daemon) => {
    const sluice = await startSluice({ http: PLAIN, logLevel: 'notice', daemon })
    await serving(sluice)
    const worker = await sluice.worker()
    process.kill(worker.pid, name)
    await sluice.waitForLog(received(worker.pid, name, action), PATIENCE_MS)
    await sluice.waitForLog(lines, PATIENCE_MS)
    await sluice.waitForLog(new RegExp(`\\[notice\\] .* signal 17 \\(SIGCHLD\\) received from ${worker.pid}$`, 'm'))
    await sluice.waitForLog(new RegExp(`\\[notice\\] .* worker process ${worker.pid} exited with code 0$`, 'm'))
    await waitFor('its successor', () => sluice.workers().some(({ pid }) => pid !== worker.pid), PATIENCE_MS)
    await isServed(sluice)
  })

  test('USR1 makes it alone open its logs again', async () => {
    const sluice = await startSluice({ http: PLAIN, logLevel: 'notice', workers: 2 })
    await serving(sluice)
    const worker = await sluice.worker()
    process.kill(worker.pid, 'SIGUSR1')
    await sluice.waitForLog(received(worker.pid, 'SIGUSR1', ', reopening logs'), PATIENCE_MS)
    await sluice.waitForLog(new RegExp(`${worker.pid}#${worker.pid}: reopening logs$`, 'm'), PATIENCE_MS)
    await isServed(sluice)
    expect(sluice.logLines(/: reopening logs$/)).toHaveLength(1)
  })
})

describe('a worker that is shutting down', () => {
  test('says so in its title', async () => {
    const sluice = await startSluice({ http: SLOW, files: { 'html/page': 'served' } })
    await serving(sluice)
    await ask(sluice.port('a'), getOnce('/page'))
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/page'))
    await sluice.waitForLog(/delaying request/)
    const worker = await sluice.worker()
    sluice.signal('SIGQUIT')
    await waitFor('its title', () => {
      return readFileSync(`/proc/${worker.pid}/cmdline`, 'latin1').startsWith('sluice: worker process is shutting down')
    })
    expect((await client.response()).status).toBe(200)
  })

  test('and hangs is killed some time after worker_shutdown_timeout', async () => {
    const sluice = await startSluice({
      http: PLAIN,
      main: 'worker_shutdown_timeout 100ms;',
      expectAlerts: [/did not end within worker_shutdown_timeout, killing it/, /exited on signal 9/],
    })
    await serving(sluice)
    const worker = await sluice.worker()
    process.kill(worker.pid, 'SIGSTOP')
    sluice.signal('SIGQUIT')
    await sluice.waitForLog(
      new RegExp(`\\[alert\\].* worker process ${worker.pid} did not end within worker_shutdown_timeout, killing it`),
      PATIENCE_MS,
    )
    expect(await sluice.exited(PATIENCE_MS)).toBe(0)
  })
})

describe('a worker whose channel is full', () => {
  test('is told by a signal', async () => {
    const sluice = await startSluice({ http: PLAIN, logLevel: 'debug' })
    await serving(sluice)
    const worker = await sluice.worker()
    process.kill(worker.pid, 'SIGSTOP')
    const sent = () => sluice.logLines(/channel command 5 to /).length
    // Each reopening is a message that nobody reads; the one that finds no room becomes a signal, which waits as well.
    for (let round = 1; !mask(worker.pid, 'ShdPnd').has(constants.signals.SIGUSR1); round++) {
      sluice.signal('SIGUSR1')
      await waitFor('the message', () => sent() >= round)
    }
    sluice.signal('SIGQUIT')
    await sluice.waitForLog(/channel command 3 to /)
    await waitFor('the signal', () => mask(worker.pid, 'ShdPnd').has(constants.signals.SIGQUIT))
    process.kill(worker.pid, 'SIGCONT')
    expect(await sluice.exited(PATIENCE_MS)).toBe(0)
    expect(sluice.log()).toMatch(
      new RegExp(`${worker.pid}#${worker.pid}: signal 3 \\(SIGQUIT\\) received from ${sluice.pid}, shutting down`),
    )
    expect(isAlive(worker)).toBe(false)
  })
})
