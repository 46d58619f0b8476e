// SIGHUP: a new generation takes over without a gap, or the old one goes on as if nothing had been asked.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { closeGate, GATE_CONF, gateFiles, openGate } from '../harness/gate.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { descriptorCounts } from '../harness/processes.ts'
import { makeStoryDir, type ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

/** `return` would answer before any limit is asked. */
const PAGE = { 'html/page': 'served' }

const answering = (text: string) => `server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "${text}"; } }`
const ZONE = 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;'
const LIMITED = `${ZONE} server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=one; } }`

const get = (sluice: ServerProcess, port = 'a') => ask(sluice.port(port), getOnce('/page'))

const isRefused = (port: number): Promise<boolean> =>
  Client.connect(port).then(
    (client) => {
      client.destroy()
      return false
    },
    (error: Error) => error.message.includes('ECONNREFUSED'),
  )

/** Descriptors of the master and of all workers, by kind. */
const descriptors = (sluice: ServerProcess) =>
  [sluice.pid, ...sluice.workers().map(({ pid }) => pid)].map((pid) => [pid, ...[...descriptorCounts(pid)].sort()])

/** Sends HUP and resolves with the line that refuses it. */
async function failingReload(sluice: ServerProcess, pattern: RegExp): Promise<void> {
  sluice.expectAlert(pattern)
  sluice.signal('SIGHUP')
  await sluice.waitForLog(pattern)
}

describe('reload', () => {
  test('brings the new configuration into force with new workers', async () => {
    const sluice = await startSluice({ http: answering('old'), workers: 2 })
    await serving(sluice)
    expect((await get(sluice)).body).toBe('old')
    const old = sluice.workers().map(({ pid }) => pid)
    await sluice.writeConf(wholeConf({ http: answering('new'), workers: 2 }))
    await sluice.reload()
    expect((await get(sluice)).body).toBe('new')
    expect(sluice.workers().map(({ pid }) => pid)).not.toEqual(expect.arrayContaining(old))
    expect(sluice.log()).toMatch(/signal 1 \(SIGHUP\) received from \d+, reconfiguring/)
    expect(sluice.log()).toContain('gracefully shutting down')
  })

  test('keeps what zones have counted', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 2 })
    await serving(sluice)
    expect((await get(sluice)).status).toBe(200)
    await sluice.reload()
    expect((await get(sluice)).status).toBe(503)
  })

  test('starts as many workers as the new configuration asks for', async () => {
    const sluice = await startSluice({ http: answering('x'), workers: 1 })
    await serving(sluice)
    await sluice.writeConf(wholeConf({ http: answering('x'), workers: 3 }))
    await sluice.reload(3)
    await sluice.writeConf(wholeConf({ http: answering('x'), workers: 2 }))
    await sluice.reload(2)
    expect((await get(sluice)).status).toBe(200)
  })

  test('loses no request of busy clients', async () => {
    const sluice = await startSluice({ http: answering('served'), workers: 2 })
    await serving(sluice)
    let stop = false
    let served = 0
    const client = async () => {
      while (!stop) {
        expect((await get(sluice)).status).toBe(200)
        served++
      }
    }
    const clients = [client(), client(), client()]
    for (let round = 0; round < 3; round++) await sluice.reload()
    stop = true
    await Promise.all(clients)
    expect(served).toBeGreaterThan(10)
  })

  test('leaves the requests of the old workers to their end', async () => {
    const http = `
      limit_req_zone $binary_remote_addr zone=slow:1m rate=30r/m;
      server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=slow burst=5; } }`
    const sluice = await startSluice({ files: PAGE, http })
    await serving(sluice)
    await get(sluice)
    const waiting = await Client.connect(sluice.port('a'))
    waiting.send(request('GET', '/page'))
    await sluice.waitForLog(/delaying request/)
    sluice.signal('SIGHUP')
    expect((await waiting.response()).status).toBe(200)
    await waiting.closed()
  })

  test('opens and closes listening sockets', async () => {
    const both = `server { listen 127.0.0.1:%%PORT:a%%; listen 127.0.0.1:%%PORT:b%%; listen unix:%%SOCK:c%%; location / { return 200 "x"; } }`
    const sluice = await startSluice({ http: answering('x') })
    await serving(sluice)
    await sluice.writeConf(wholeConf({ http: both }))
    await sluice.reload()
    expect((await get(sluice, 'b')).status).toBe(200)
    expect((await ask(sluice.sock('c'), getOnce('/page'))).status).toBe(200)
    await sluice.writeConf(wholeConf({ http: answering('x') }))
    await sluice.reload()
    expect((await get(sluice)).status).toBe(200)
    // Whoever else is on the machine may have been given the port since, for a while.
    await waitFor('port b to be closed', () => isRefused(sluice.port('b')))
    await expect(Client.connect(sluice.sock('c'))).rejects.toThrow('ENOENT')
    expect(sluice.log()).toContain(`deleting socket ${sluice.sock('c')}`)
  })

  test('leaves no descriptor behind, however often it is done', async () => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 2 })
    await serving(sluice)
    const before = [...descriptorCounts(sluice.pid)].sort()
    for (let round = 0; round < 4; round++) await sluice.reload()
    // The master buries the last workers a moment after they have died.
    await waitFor('the same descriptors', () => {
      return JSON.stringify([...descriptorCounts(sluice.pid)].sort()) === JSON.stringify(before)
    })
  })

  test('a HUP during a reload is not lost', async () => {
    const sluice = await startSluice({ http: answering('old') })
    await serving(sluice)
    await sluice.writeConf(wholeConf({ http: answering('first') }))
    sluice.signal('SIGHUP')
    await sluice.waitForLog(/reconfiguring\n.*reconfiguring/s)
    await sluice.writeConf(wholeConf({ http: answering('second') }))
    sluice.signal('SIGHUP')
    await waitFor('the second configuration', async () => (await get(sluice)).body === 'second')
  })
})

describe('a reload that fails', () => {
  const bad: readonly [what: string, http: string, error: RegExp][] = [
    ['a mistake', 'server { lisen 80; }', /\[emerg\].*: unknown directive "lisen" in .*server\.conf:\d+/],
    [
      'another key for a zone',
      LIMITED.replace('$binary_remote_addr', '$uri'),
      /\[emerg\].*: limit_req "one" uses the "\$uri" key while previously it used the "\$binary_remote_addr" key/,
    ],
    [
      'a log file in no folder',
      `${LIMITED} access_log missing/access.log;`,
      /\[emerg\].*: open\(\) ".*missing\/access\.log" failed \(2: No such file or directory\)/,
    ],
  ]
  test.each(bad)('because of %s leaves the old workers serving', async (_what, http, error) => {
    const sluice = await startSluice({ files: PAGE, http: LIMITED, workers: 2 })
    await serving(sluice)
    expect((await get(sluice)).status).toBe(200)
    const old = sluice.workers().map(({ pid }) => pid)
    const before = descriptors(sluice)
    await sluice.writeConf(wholeConf({ http }))
    await failingReload(sluice, error)
    expect((await get(sluice)).status).toBe(503)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual(old)
    await waitFor('the same descriptors', () => JSON.stringify(descriptors(sluice)) === JSON.stringify(before))
  })

  test('because an address is taken leaves the old workers serving', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    try {
      await waitFor('the other server', () => other.listening)
      const { port } = other.address() as { port: number }
      const sluice = await startSluice({ http: answering('old') })
      await serving(sluice)
      const before = descriptors(sluice)
      const more = `${ZONE} server { listen unix:%%SOCK:b%%; listen 127.0.0.1:${port}; }`
      await sluice.writeConf(wholeConf({ http: `${answering('new')} ${more} access_log logs/more.log;` }))
      sluice.expectAlert(new RegExp(`bind\\(\\) to 127\\.0\\.0\\.1:${port} failed \\(98: Address already in use\\)`))
      await failingReload(sluice, /still could not bind\(\)/)
      expect(sluice.logLines(/\[emerg\].*bind\(\) to/)).toHaveLength(5)
      expect((await get(sluice)).body).toBe('old')
      expect(existsSync(sluice.sock('b'))).toBe(false)
      await waitFor('the same descriptors', () => JSON.stringify(descriptors(sluice)) === JSON.stringify(before))
    } finally {
      other.close()
    }
  })

  test('because a new worker cannot start leaves the old workers serving', async () => {
    const sluice = await startSluice({ http: answering('old'), workers: 2 })
    await serving(sluice)
    const old = sluice.workers().map(({ pid }) => pid)
    const before = descriptors(sluice)
    const more = `${ZONE} server { listen unix:%%SOCK:b%%; } access_log logs/more.log;`
    await sluice.writeConf(
      wholeConf({ http: `${answering('new')} ${more}`, workers: 2, main: 'working_directory /does/not/exist;' }),
    )
    sluice.expectAlert(/\/does\/not\/exist/)
    sluice.expectAlert(/exited with fatal code 2 and cannot be respawned/)
    await failingReload(sluice, /\[emerg\].*new worker process \d+ did not start, the old configuration stays in force/)
    await waitFor('the old workers alone', () => sluice.workers().length === 2)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual(old)
    expect((await get(sluice)).body).toBe('old')
    expect(existsSync(sluice.sock('b'))).toBe(false)
    await waitFor('the same descriptors', () => JSON.stringify(descriptors(sluice)) === JSON.stringify(before))
    await sluice.writeConf(wholeConf({ http: answering('good'), workers: 2 }))
    await sluice.reload()
    expect((await get(sluice)).body).toBe('good')
  })

  test('because new workers hang at their start leaves the old workers serving', async () => {
    // The master's patience of half a minute becomes a second, but only for the reload that is to fail.
    const hasty = `
      const { existsSync } = require('node:fs')
      const wait = setTimeout
      const isHasty = (ms) => ms === 30_000 && existsSync(__dirname + '/hurry')
      globalThis.setTimeout = (callback, ms, ...values) => wait(callback, isHasty(ms) ? 1000 : ms, ...values)`
    const dir = makeStoryDir({ 'hasty.cjs': hasty })
    onTestFinished(() => rmSync(dir, { recursive: true }))
    const sluice = await startSluice({
      http: answering('old'),
      main: GATE_CONF,
      workers: 2,
      files: gateFiles(),
      env: { NODE_OPTIONS: `--require=${dir}/hasty.cjs` },
      expectAlerts: [/exited on signal 9/],
    })
    await serving(sluice)
    const old = sluice.workers().map(({ pid }) => pid)
    const before = descriptors(sluice)
    closeGate(sluice)
    writeFileSync(`${dir}/hurry`, '')
    await sluice.writeConf(wholeConf({ http: answering('new'), main: GATE_CONF, workers: 2 }))
    await failingReload(
      sluice,
      /\[emerg\].*new worker processes are not ready after 30000ms, the old configuration stays in force/,
    )
    await waitFor('the same descriptors', () => JSON.stringify(descriptors(sluice)) === JSON.stringify(before))
    expect(sluice.logLines(/exited on signal 9/)).toHaveLength(2)
    expect(sluice.workers().map(({ pid }) => pid)).toEqual(old)
    expect((await get(sluice)).body).toBe('old')
    openGate(sluice)
    rmSync(`${dir}/hurry`)
    await sluice.reload()
    expect((await get(sluice)).body).toBe('new')
  })
})
