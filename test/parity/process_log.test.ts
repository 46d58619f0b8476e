// What master and workers log of themselves, beside nginx: start, reload, a reload that fails, reopening, a worker that is
// killed and one that is told to go, and the end.

import { expect, onTestFinished, test, vi } from 'vitest'
import { NGINX, NGINX_PRELUDE } from '../harness/commands.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { startNginx } from '../harness/nginx.ts'
import { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

vi.setConfig({ testTimeout: 90_000 })

const CONF = {
  http: 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }',
  workers: 2,
  logLevel: 'notice',
}
const OPTIONS = { ...CONF, expectAlerts: [/unknown directive "no"/, /exited on signal 9/] }

/** Why a line is logged by one of them only. */
const OURS_ONLY = [
  /worker processes are ready$/, // nginx does not know when its workers accept
  /built with Node\.js/,
]
const THEIRS_ONLY = [
  /built by gcc/,
  /SIGIO/, // of the channel; it asks for nothing, and we do not catch it
]

/** The life of a server; resolves with the different lines of its log: level, who, and text without numbers of processes. */
async function lifeOf(server: ServerProcess): Promise<string[]> {
  const master = server.pid
  const count = (pattern: RegExp) => server.logLines(pattern).length
  const two = (what: string) => waitFor(what, () => server.workers().length === 2)
  await two('the first workers')
  await server.reload(2)
  server.signal('SIGUSR1')
  await waitFor('all to reopen', () => count(/: reopening logs$/) === 3)
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    const { pid } = await server.worker()
    process.kill(pid, signal)
    await waitFor(`${pid} to end`, () => count(new RegExp(`worker process ${pid} exited`)) === 1)
    await two('its successor')
  }
  const [worker] = server.workers()
  process.kill(worker!.pid, 'SIGHUP')
  await waitFor('the worker to ignore it', () => count(/SIGHUP\) received from \d+, ignoring$/) === 1)
  await server.writeConf('no configuration;')
  server.signal('SIGHUP')
  await waitFor('the refusal', () => count(/unknown directive "no"/) === 1)
  await server.writeConf(wholeConf(CONF))
  server.signal('SIGQUIT')
  await server.exited()
  return linesOf(server, [master])
}

/** A daemon's: an upgrade that is taken back, and one that is carried through. */
async function upgradesOf(server: ServerProcess): Promise<string[]> {
  const old = server.pid
  const workers = (master: number, count: number) =>
    waitFor(`${count} workers of ${master}`, () => server.workers(master).length === count)
  // For a moment there is no pid file, or an empty one.
  const named = () => Number(server.file('server.pid')) || undefined
  const upgraded = () => waitFor('the new binary', () => (server.oldPid === old ? named() : undefined))
  process.kill(old, 'SIGUSR2')
  const first = await upgraded()
  await workers(first, 1)
  process.kill(old, 'SIGWINCH')
  await workers(old, 0)
  process.kill(old, 'SIGUSR2')
  await waitFor('the refusal', () => server.logLines(/\[crit\].*the changing binary signal is ignored/).length === 1)
  process.kill(old, 'SIGHUP')
  await workers(old, 1)
  process.kill(first, 'SIGQUIT')
  await waitFor('the old master to be alone', () => server.oldPid === undefined && named() === old)
  await server.waitForLog(new RegExp(`new binary process ${first} exited with code 0`))
  process.kill(old, 'SIGUSR2')
  const second = await upgraded()
  await workers(second, 1)
  process.kill(old, 'SIGQUIT')
  await waitFor('the new master to be alone', () => server.oldPid === undefined)
  await server.end()
  return linesOf(server, [old, first, second])
}

function linesOf(server: ServerProcess, masters: readonly number[]): string[] {
  const lines = server.log().trim().split('\n')
  // What nginx says before it becomes a daemon has the pid of the process that was started.
  const [, started] = / (\d+)#/.exec(lines[0] ?? '') ?? []
  return [...new Set(lines.map((line) => withoutNumbers(line, [...masters, Number(started)])))].sort()
}

function withoutNumbers(line: string, masters: readonly number[]): string {
  const [, level, pid, text = ''] = /^\S+ \S+ \[(\w+)\] (\d+)#\d+: (.*)$/.exec(line) ?? []
  const who = masters.includes(Number(pid)) ? 'master' : 'worker'
  const plain = text
    .replace(/^(nginx|sluice)\/\S+/, 'NAME/VERSION')
    .replace(/(process|from) \d+/g, '$1 N')
    .replace(/NOFILE\): \d+:\d+/, 'NOFILE): S:H')
    .replace(/in \/\S+\/server/, 'in server')
    .replace(/sockets from ".*"/, 'sockets from "N;"')
  return `[${level}] ${who}: ${plain}`
}

function common(lines: readonly string[]): string[] {
  return lines.filter((line) => ![...OURS_ONLY, ...THEIRS_ONLY].some((pattern) => pattern.test(line)))
}

test.skipIf(NGINX === undefined)('master and workers log what those of nginx log', async () => {
  const [ours, theirs] = await Promise.all([startSluice(OPTIONS).then(lifeOf), startNginx(OPTIONS).then(lifeOf)])
  expect(common(ours)).toEqual(common(theirs))
  expect(common(ours).length).toBeGreaterThan(20)
  for (const pattern of OURS_ONLY) expect(ours.join('\n')).toMatch(new RegExp(pattern, 'm'))
})

test.skipIf(NGINX === undefined)('and so they do in binary upgrades', async () => {
  const conf = wholeConf({ ...CONF, workers: 1, prelude: NGINX_PRELUDE })
  const nginx = await ServerProcess.start({ conf, command: [NGINX!, '-e', 'stderr'], daemon: true })
  onTestFinished(() => nginx.stop())
  const sluice = await startSluice({ ...CONF, workers: 1, daemon: true })
  const [ours, theirs] = await Promise.all([upgradesOf(sluice), upgradesOf(nginx)])
  expect(common(ours)).toEqual(common(theirs))
})
