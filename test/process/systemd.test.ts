// config/sluice.service: systemd understands it, and its commands, run one after the other as systemd would, start, reload,
// upgrade and stop a sluice. Places of the system are replaced by those of a story.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { PACKAGE_ROOT, SLUICE_MAIN } from '../harness/commands.ts'
import { getOnce } from '../harness/http_text.ts'
import { freePort } from '../harness/ports.ts'
import { childrenOf, holdersOf, isAlive, type ProcessStat, processStat } from '../harness/processes.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { textOf } from '../harness/text_of.ts'
import { waitFor } from '../harness/wait_for.ts'

const UNIT = readFileSync(join(PACKAGE_ROOT, 'config/sluice.service'), 'utf8')
const ANALYZE = 'systemd-analyze'
const hasAnalyze = spawnSync(ANALYZE, ['--version']).status === 0

let dir: string
let port: number
/** The unit with the places of the story. */
let unit: string

beforeEach(async () => {
  dir = makeStoryDir()
  port = await freePort()
  // What RuntimeDirectory, LogsDirectory and StateDirectory make.
  for (const place of ['etc', 'run', 'log', 'state/logs']) mkdirSync(join(dir, place), { recursive: true })
  const program = join(dir, 'sluice')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${SLUICE_MAIN}' "$@"\n`)
  chmodSync(program, 0o755)
  unit = UNIT.replaceAll('/usr/local/bin/sluice', program)
    .replaceAll('/var/lib/sluice', join(dir, 'state'))
    .replaceAll('/var/log/sluice', join(dir, 'log'))
    .replaceAll('/etc/sluice', join(dir, 'etc'))
    .replaceAll('/run/sluice', join(dir, 'run'))
})

afterEach(async () => {
  for (const pid of holdersOf(dir)) process.kill(pid, 'SIGKILL')
  await waitFor('nobody to be left', () => holdersOf(dir).length === 0)
  rmSync(dir, { recursive: true })
})

/** Values of a key, in order. */
function valuesOf(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** Runs the commands of a key until one fails, as systemd does. Returns the last one's exit code and what all said. */
function run(key: string): { status: number | null; said: string } {
  let said = ''
  for (const command of valuesOf(key)) {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain)
    const [file = '', ...args] = words.map((word) => (word === '$MAINPID' ? String(mainPid()) : word))
    const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'latin1', timeout: 30_000, cwd: '/' })
    said += stdout + stderr
    if (status !== 0) return { status, said }
  }
  return { status: 0, said }
}

/** Where systemd looks for the main process of a forking service. */
function mainPid(): number {
  return Number(textOf(valuesOf('PIDFile')[0] ?? ''))
}

function writeConf(text: string): void {
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const http = `http { server { listen 127.0.0.1:${port}; location / { return 200 "${text}"; } } }`
  const log = `error_log ${dir}/log/error.log notice;`
  writeFileSync(join(dir, 'etc/sluice.conf'), `${user}\n${log}\nevents { }\n${http}\n`)
}

/** How often a line of the error log ends like this. */
function logged(end: string): number {
  return readFileSync(join(dir, 'log/error.log'), 'latin1').split(`${end}\n`).length - 1
}

const body = async () => (await ask(port, getOnce('/'))).body

function start(): ProcessStat {
  writeConf('first')
  expect(run('ExecStart')).toEqual({ status: 0, said: '' })
  // systemd reads the pid file at once when the command has returned.
  return processStat(mainPid())!
}

/** What `systemctl stop` does with KillMode=mixed: the signal goes to the main process alone. */
async function stop(master: ProcessStat): Promise<void> {
  const workers = childrenOf(master.pid)
  const [signal = ''] = valuesOf('KillSignal')
  process.kill(master.pid, constants.signals[signal as NodeJS.Signals])
  await waitFor('all of them to leave', () => [master, ...workers].every((stat) => !isAlive(stat)))
  expect(existsSync(valuesOf('PIDFile')[0]!)).toBe(false)
}

describe('config/sluice.service', () => {
  test.runIf(hasAnalyze)('is understood by systemd without a word', () => {
    // Its own program need not be installed here.
    writeFileSync(join(dir, 'sluice.service'), unit)
    const { status, stdout, stderr } = spawnSync(ANALYZE, ['verify', join(dir, 'sluice.service')], { encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('starts: the pid file names a master that serves, a daemon', async () => {
    const master = start()
    expect(valuesOf('Type')).toEqual(['forking'])
    expect(await body()).toBe('first')
    expect(master.parent).not.toBe(process.pid)
    await stop(master)
  })

  test('says why it does not start', () => {
    writeConf('"; no_such_directive on; return 200 "')
    const { status, said } = run('ExecStart')
    expect(status).toBe(1)
    expect(said).toMatch(/^sluice: \[emerg\] unknown directive "no_such_directive" in .*sluice\.conf:\d+\n$/)
    expect(existsSync(valuesOf('PIDFile')[0]!)).toBe(false)
  })

  test('reloads, and a wrong configuration fails the reload before the master hears of it', async () => {
    const master = start()
    writeConf('second')
    expect(run('ExecReload')).toEqual({ status: 0, said: '' })
    await waitFor('the new configuration', async () => (await body()) === 'second')
    writeConf('"; no_such_directive on; return 200 "')
    const { status, said } = run('ExecReload')
    expect(status).toBe(1)
    expect(said).toContain('unknown directive "no_such_directive"')
    expect(await body()).toBe('second')
    expect(logged(': reconfiguring')).toBe(1)
    await stop(master)
  })

  test('follows an upgrade of the binary by its pid file', async () => {
    const old = start()
    process.kill(old.pid, 'SIGUSR2')
    const newMaster = () => (mainPid() === old.pid ? undefined : processStat(mainPid()))
    const master = await waitFor('the new master', newMaster)
    await waitFor('the new workers', () => logged('worker processes are ready') === 2, 20_000)
    process.kill(old.pid, 'SIGQUIT')
    await waitFor('the old master to leave', () => !isAlive(old))
    // systemd reads the pid file again when the main process ends.
    expect(mainPid()).toBe(master.pid)
    writeConf('upgraded')
    expect(run('ExecReload').status).toBe(0)
    await waitFor('the new configuration', async () => (await body()) === 'upgraded')
    await stop(master)
  })
})
