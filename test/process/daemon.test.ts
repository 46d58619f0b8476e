// `daemon on`: the program returns when the daemon serves, with 0, or when it cannot, with the daemon's error.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { freePort } from '../harness/ports.ts'
import { childrenOf, holdersOf, isAlive, processStat } from '../harness/processes.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { SLUICE_MAIN } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

let dir: string
let port: number

beforeEach(async () => {
  dir = makeStoryDir()
  port = await freePort()
})

afterEach(async () => {
  for (const pid of holdersOf(dir)) process.kill(pid, 'SIGKILL')
  await waitFor('nobody to be left', () => holdersOf(dir).length === 0)
  rmSync(dir, { recursive: true })
})

function writeConf(main = ''): void {
  const http = `server { listen 127.0.0.1:${port}; location / { return 200 "served"; } }`
  writeFileSync(join(dir, 'server.conf'), wholeConf({ http, workers: 2, main, logLevel: 'notice' }))
}

/** Runs the program to its end. */
function sluice(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [SLUICE_MAIN, '-p', dir, '-c', 'server.conf', ...words],
    { encoding: 'latin1', timeout: 20_000 },
  )
  return { status, stdout, stderr }
}

const log = () => readFileSync(join(dir, 'logs/error.log'), 'latin1')
const masterPid = () => Number(readFileSync(join(dir, 'server.pid'), 'latin1'))

describe('daemon on', () => {
  test('returns 0 without a word once the daemon serves, and -s stop ends it', async () => {
    writeConf()
    expect(sluice()).toEqual({ status: 0, stdout: '', stderr: '' })
    expect((await ask(port, getOnce('/'))).body).toBe('served')
    const master = processStat(masterPid())!
    expect(childrenOf(master.pid)).toHaveLength(2)
    expect(readFileSync(`/proc/${master.pid}/cmdline`, 'latin1')).toMatch(/^sluice: master process/)
    expect(sluice('-s', 'stop')).toMatchObject({ status: 0, stderr: '' })
    await waitFor('the daemon to leave', () => !isAlive(master))
    expect(existsSync(join(dir, 'server.pid'))).toBe(false)
    expect(log()).toContain('signal process started')
  })

  test('-s reload and -s quit reach the daemon', async () => {
    writeConf()
    expect(sluice().status).toBe(0)
    const master = processStat(masterPid())!
    const workers = childrenOf(master.pid)
    expect(sluice('-s', 'reload').status).toBe(0)
    await waitFor('the old workers to leave', () => workers.every((stat) => !isAlive(stat)))
    expect((await ask(port, getOnce('/'))).body).toBe('served')
    expect(sluice('-s', 'quit').status).toBe(0)
    await waitFor('the daemon to leave', () => !isAlive(master))
  })

  test('returns 1 with the reason when the configuration is wrong', () => {
    writeConf('no_such_directive on;')
    const { status, stderr } = sluice()
    expect(status).toBe(1)
    expect(stderr).toMatch(/^sluice: \[emerg\] unknown directive "no_such_directive" in .*server\.conf:\d+\n$/)
  })

  test('returns 1 with the reason when the address is taken', async () => {
    writeConf()
    expect(sluice().status).toBe(0)
    const master = processStat(masterPid())!
    const { status, stderr } = sluice('-g', 'pid other.pid;', '-e', 'stderr')
    expect(status).toBe(1)
    expect(stderr).toContain('is duplicate')
    const taken = readFileSync(join(dir, 'server.conf'), 'latin1').replace('pid server.pid', 'pid other.pid')
    writeFileSync(join(dir, 'other.conf'), taken)
    const second = sluice('-c', 'other.conf')
    expect(second.status).toBe(1)
    expect(second.stderr).toContain(`sluice: [emerg] bind() to 127.0.0.1:${port} failed (98: Address already in use)`)
    expect(second.stderr).toContain('sluice: [emerg] still could not bind()')
    expect(isAlive(master)).toBe(true)
    process.kill(master.pid, 'SIGTERM')
    await waitFor('the daemon to leave', () => !isAlive(master))
  })

  test('returns 1 when no worker can start', () => {
    writeConf('working_directory /does/not/exist;')
    const { status, stderr } = sluice()
    expect(status).toBe(1)
    expect(stderr).toContain('sluice: [emerg] no worker process could be started')
    expect(existsSync(join(dir, 'server.pid'))).toBe(false)
  })
})
