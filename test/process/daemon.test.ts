// `daemon on`: the program returns when the daemon serves, with 0, or when it cannot, with the daemon's error.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { freePort } from '../harness/ports.ts'
import { childrenOf, holdersOf, isAlive, type ProcessStat, processStat } from '../harness/processes.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { SLUICE_MAIN } from '../harness/sluice.ts'
import { textOf } from '../harness/text_of.ts'
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

/** Directives that run a line of JavaScript in every worker before our code. */
function preloaded(line: string): string {
  writeFileSync(
    join(dir, 'early.cjs'),
    `const fs = require('node:fs')\nif (process.argv.includes(':worker')) { ${line} }\n`,
  )
  return `env NODE_OPTIONS=--require=${dir}/early.cjs;`
}

function log(): string {
  return textOf(join(dir, 'logs/error.log'))
}

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

  test('returns 1 with the reason when the system refuses a process', () => {
    writeConf()
    writeFileSync(
      join(dir, 'early.cjs'),
      `const children = require('node:child_process')
      const { spawn } = children
      children.spawn = (...args) => {
        try { for (;;) require('node:fs').openSync('/dev/null') } catch {}
        return spawn(...args)
      }
      require('node:module').syncBuiltinESMExports()`,
    )
    const node = [process.execPath, '--require', join(dir, 'early.cjs'), SLUICE_MAIN, '-p', dir, '-c', 'server.conf']
    const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -n 100; exec "$@"', 'sh', ...node], {
      encoding: 'latin1',
    })
    expect(stderr).toBe('sluice: [emerg] fork() failed (24: Too many open files)\n')
    expect(status).toBe(1)
  })

  test('lets go of the caller: its streams and its session', async () => {
    writeConf()
    expect(sluice().status).toBe(0)
    const pid = masterPid()
    const links = ['0', '1', '2'].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    expect(links).toEqual(['/dev/null', '/dev/null', join(dir, 'logs/error.log')])
    // Field 6 of stat is the session.
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]).toBe(String(pid))
    process.kill(pid, 'SIGTERM')
    await waitFor('the daemon to leave', () => holdersOf(dir).length === 0)
  })

  test('returns 1 when workers die at their start, again and again', async () => {
    writeConf(preloaded('process.exit(3)'))
    const { status, stderr } = sluice()
    expect(status).toBe(1)
    expect(stderr).toBe('sluice: [emerg] worker processes die at their start\n')
    await waitFor('nobody to be left', () => holdersOf(dir).length === 0)
    expect(existsSync(join(dir, 'server.pid'))).toBe(false)
  })

  describe('while its workers do not come up', () => {
    /** Starts the program, whose workers sleep at their start until there is a file. Resolves when they do. */
    async function starting(): Promise<{ parent: ChildProcess; end: Promise<number | string>; daemon: ProcessStat }> {
      writeConf(
        preloaded(
          `while (!fs.existsSync('${dir}/go')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)`,
        ),
      )
      const parent = spawn(process.execPath, [SLUICE_MAIN, '-p', dir, '-c', 'server.conf'], { stdio: 'ignore' })
      onTestFinished(() => void parent.kill('SIGKILL'))
      const end = new Promise<number | string>((resolve) =>
        parent.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
      )
      await waitFor('the workers to start', () => log().split(' start worker process ').length - 1 === 2)
      expect(parent.exitCode).toBe(null)
      return { parent, end, daemon: processStat(masterPid())! }
    }

    test('it returns 1 when the daemon is killed', async () => {
      const { end, daemon } = await starting()
      process.kill(daemon.pid, 'SIGKILL')
      expect(await end).toBe(1)
      writeFileSync(join(dir, 'go'), '')
      // They have no master any more.
      await waitFor('the workers to leave', () => holdersOf(dir).length === 0)
    })

    test('it returns 1 when the daemon is told to stop', async () => {
      const { end, daemon } = await starting()
      process.kill(daemon.pid, 'SIGTERM')
      expect(await end).toBe(1)
      await waitFor('the daemon to leave', () => !isAlive(daemon))
    })

    test('the daemon serves although nobody waits for it any more', async () => {
      const { parent, end, daemon } = await starting()
      parent.kill('SIGKILL')
      expect(await end).toBe('SIGKILL')
      writeFileSync(join(dir, 'go'), '')
      await waitFor('the workers', () => /worker processes are ready/.test(log()))
      expect((await ask(port, getOnce('/'))).body).toBe('served')
      process.kill(daemon.pid, 'SIGTERM')
      await waitFor('the daemon to leave', () => !isAlive(daemon))
    })
  })

  test('returns 1 when no worker can start', () => {
    writeConf('working_directory /does/not/exist;')
    const { status, stderr } = sluice()
    expect(status).toBe(1)
    expect(stderr).toContain('sluice: [emerg] no worker process could be started')
    expect(existsSync(join(dir, 'server.pid'))).toBe(false)
  })
})
