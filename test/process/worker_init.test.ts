// What a worker has made of itself before it serves, as /proc shows it: user, limits, CPUs, descriptors, folder.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { NGINX, NGINX_PRELUDE, nginxCommand, PACKAGE_ROOT } from '../harness/commands.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { descriptorLinks, holdersOf, processStat } from '../harness/processes.ts'
import { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

const IS_ROOT = process.getuid?.() === 0
const PLAIN = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'

const proc = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1')
const threads = (pid: number) => readdirSync(`/proc/${pid}/task`)
/** Value of a line of /proc/PID/status, by default the main thread's. */
const status = (pid: number, name: string, thread = String(pid)) =>
  new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(proc(pid, `task/${thread}/status`))?.[1]

/** `main` replaces the user that the harness would write. */
function confWith(main: string, http = PLAIN): string {
  return wholeConf({ http, main, workers: 2 }).replace('user root;\n', '')
}

async function workersOf(sluice: ServerProcess): Promise<number[]> {
  await serving(sluice)
  return sluice.workers().map(({ pid }) => pid)
}

/** The CPUs that this process may use. */
function allowedCpus(): number[] {
  const list = status(process.pid, 'Cpus_allowed_list') ?? ''
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

describe.runIf(IS_ROOT)('a worker of a root master', () => {
  test('runs as the configured user in every thread and has no way back', async () => {
    const sluice = await startSluice({ conf: confWith('user nobody nogroup; worker_priority 5;') })
    for (const pid of await workersOf(sluice)) {
      for (const thread of threads(pid)) {
        // Real, effective, saved and file system id: with any of them root could be had again.
        expect(status(pid, 'Uid', thread)).toBe('65534\t65534\t65534\t65534')
        expect(status(pid, 'Gid', thread)).toBe('65534\t65534\t65534\t65534')
        expect(status(pid, 'Groups', thread)).toBe('65534')
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(status(pid, set, thread)).toMatch(/^0+$/)
        const nice = proc(pid, `task/${thread}/stat`).split(') ')[1]?.split(' ')[16]
        expect(Number(nice)).toBe(5)
      }
      // Dumpable: otherwise its folder in /proc would be root's.
      expect(statSync(`/proc/${pid}`).uid).toBe(65534)
    }
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
    // Log files are opened again by the workers themselves, under their own user.
    sluice.signal('SIGUSR1')
    await waitFor('the workers to reopen', () => sluice.logLines(/: reopening logs$/).length === 3)
  })

  test('holds the descriptors that it needs and no other', async () => {
    const sluice = await startSluice({ conf: confWith('user nobody nogroup;') })
    const workers = await workersOf(sluice)
    const bare = await bareNode()
    for (const pid of workers) {
      // Its channel, its end of the life pipe, the listening socket, and the channel to its sibling.
      const sockets = () => descriptorLinks(pid, 2).filter((link) => link.startsWith('socket:'))
      await waitFor('its sockets', () => sockets().length === 4)
      // Each is shared with the master, which has made it.
      expect(descriptorLinks(sluice.pid)).toEqual(expect.arrayContaining(sockets()))
      const links = descriptorLinks(pid, 2)
      const logs = [`${sluice.dir}/logs/access.log`, `${sluice.dir}/logs/error.log`, `${sluice.dir}/logs/error.log`]
      expect(links.filter((link) => link.startsWith('/') && link !== '/dev/null').sort()).toEqual(logs)
      expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null')
      // The rest is Node's own, with the poller of our sockets and the pipe of our signals, and nobody else has it.
      const kinds = (of: string[], kind: string) => of.filter((link) => link.startsWith(kind))
      expect(kinds(links, 'anon_inode:').length).toBe(kinds(bare, 'anon_inode:').length + 1)
      expect(kinds(links, 'pipe:').length).toBe(kinds(bare, 'pipe:').length + 2)
      for (const pipe of new Set(kinds(links, 'pipe:'))) expect(holdersOf(pipe)).toEqual([pid])
      expect(links.filter((link) => !/^(socket|anon_inode|pipe):|^\//.test(link))).toEqual([])
    }
  })

  test.skipIf(NGINX === undefined)('is left with the rights of a worker of nginx', async () => {
    const conf = confWith('user nobody nogroup;', `${NGINX_PRELUDE} ${PLAIN}`)
    const nginx = await ServerProcess.start({ conf, command: nginxCommand() })
    onTestFinished(() => nginx.stop())
    const sluice = await startSluice({ conf: confWith('user nobody nogroup;') })
    const [worker] = await workersOf(sluice)
    const ids = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']
    const rights = (pid: number) => [...ids, 'NoNewPrivs', 'Seccomp', 'Umask'].map((name) => [name, status(pid, name)])
    expect(rights(worker!)).toEqual(rights((await nginx.worker()).pid))
  })

  test('serves from a package that its user cannot read', async () => {
    const origin = createServer((_request, response) => response.end('by h2')).listen(0, '127.0.0.1')
    onTestFinished(() => void origin.close())
    await waitFor('the origin', () => origin.listening)
    const { port } = origin.address() as AddressInfo
    const sluice = await startPrivatePackage(`
      server { listen 127.0.0.1:%%PORT:a%%;
        location / { proxy_pass http://127.0.0.1:${port}; proxy_http_version 2; }
        location /refused { limit_req zone=none; return 403; }
        location /page { root %%DIR%%/html; limit_req zone=one; } }
      limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
      limit_req_zone $binary_remote_addr zone=none:1m rate=1r/m;`)
    expect(await ask(sluice.port('a'), getOnce('/'))).toMatchObject({ status: 200, body: 'by h2' })
    expect(await ask(sluice.port('a'), getOnce('/page'))).toMatchObject({ status: 200, body: 'a page' })
    expect((await ask(sluice.port('a'), getOnce('/page'))).status).toBe(503)
    expect((await ask(sluice.port('a'), getOnce('/refused'))).status).toBe(403)
  })
})

/** What a Node that does nothing has open, from descriptor 3 on. */
async function bareNode(): Promise<string[]> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await once(child.stdout, 'data')
    // Less what we have inherited ourselves and pass on.
    const inherited = descriptorLinks(process.pid)
    return descriptorLinks(child.pid!, 3).filter((link) => link.startsWith('anon_inode:') || !inherited.includes(link))
  } finally {
    child.kill('SIGKILL')
  }
}

/** Starts a copy of the program that lies in a folder of mode 0700, with workers of nobody. */
async function startPrivatePackage(http: string): Promise<ServerProcess> {
  const holder = await startSluice({ conf: confWith('user nobody nogroup;') })
  await holder.end()
  const folder = join(holder.dir, 'package')
  mkdirSync(folder)
  for (const part of [
    'package.json',
    'dist',
    'build/Release/sluice.node',
    'node_modules/undici',
    'node_modules/node-gyp-build',
  ]) {
    cpSync(join(PACKAGE_ROOT, part), join(folder, part), { recursive: true })
  }
  chmodSync(folder, 0o700)
  const sluice = await ServerProcess.start({
    command: [process.execPath, join(folder, 'dist/main.js'), '-g', 'daemon off;', '-e', 'stderr'],
    conf: confWith('user nobody nogroup;', http),
    files: { 'html/page': 'a page' },
  })
  onTestFinished(() => sluice.stop())
  await serving(sluice)
  return sluice
}

describe('a worker', () => {
  test('has the limits of worker_rlimit_nofile and worker_rlimit_core, soft and hard', async () => {
    const sluice = await startSluice({ http: PLAIN, main: 'worker_rlimit_nofile 256; worker_rlimit_core 1m;' })
    const [pid] = await workersOf(sluice)
    expect(proc(pid!, 'limits')).toMatch(/^Max open files +256 +256 /m)
    expect(proc(pid!, 'limits')).toMatch(/^Max core file size +1048576 +1048576 /m)
    expect(proc(sluice.pid, 'limits')).not.toMatch(/^Max open files +256 /m)
  })

  test('runs on the CPUs of its mask, in every thread', async () => {
    const [cpu = 0] = allowedCpus()
    const sluice = await startSluice({
      http: PLAIN,
      workers: 2,
      logLevel: 'notice',
      main: `worker_cpu_affinity ${'1'.padEnd(cpu + 1, '0')};`,
    })
    for (const pid of await workersOf(sluice)) {
      for (const thread of threads(pid)) expect(status(pid, 'Cpus_allowed_list', thread)).toBe(String(cpu))
    }
    expect(sluice.logLines(new RegExp(`\\[notice\\].* sched_setaffinity\\(\\): using cpu #${cpu}$`))).toHaveLength(2)
  })

  test('gets a CPU of its own with worker_cpu_affinity auto', async () => {
    const workers = availableParallelism()
    const sluice = await startSluice({ http: PLAIN, workers, main: 'worker_cpu_affinity auto;' })
    const cpus = (await workersOf(sluice)).map((pid) => Number(status(pid, 'Cpus_allowed_list')))
    expect(cpus.sort((a, b) => a - b)).toEqual(allowedCpus())
  })

  test('serves although a mask has no CPU that exists', async () => {
    const sluice = await startSluice({
      http: PLAIN,
      main: `worker_cpu_affinity ${'1'.padEnd(1000, '0')};`,
      expectAlerts: [/sched_setaffinity\(\) failed \(22: Invalid argument\)/],
    })
    await serving(sluice)
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
  })

  test('works in working_directory, the master stays where it was', async () => {
    const sluice = await startSluice({ http: PLAIN, main: 'working_directory %%DIR%%/logs;' })
    const [pid] = await workersOf(sluice)
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(`${sluice.dir}/logs`)
    expect(readlinkSync(`/proc/${sluice.pid}/cwd`)).toBe(process.cwd())
  })

  test('that cannot become what it should be ends with 2 and is not respawned', async () => {
    const conf = wholeConf({ http: PLAIN, main: 'working_directory %%DIR%%/gone;' })
    await expect(startSluice({ conf })).rejects.toThrow(
      /\[alert\] \d+#\d+: chdir\("[^"]*\/gone"\) failed \(2: No such file or directory\).*exited with fatal code 2 and cannot be respawned/s,
    )
  })
})

describe('debug_points', () => {
  /** A mistake in a worker, planted by a preloaded file: `env` is what lets NODE_OPTIONS through. */
  const MISTAKE = `
    if (process.argv.includes(':worker')) {
      const { existsSync } = require('node:fs')
      setInterval(() => { if (existsSync(__dirname + '/now')) throw new Error('a mistake') }, 20)
    }`
  const start = (what: string) =>
    startSluice({
      http: PLAIN,
      files: { 'mistake.cjs': MISTAKE },
      main: `debug_points ${what}; worker_rlimit_core 0; env NODE_OPTIONS=--require=%%DIR%%/mistake.cjs;`,
      expectAlerts: [/uncaught exception: Error: a mistake/, /exited on signal \d+/],
    })

  test('stop: a worker that finds a mistake waits for the debugger', async () => {
    const sluice = await start('stop')
    const [pid] = await workersOf(sluice)
    cpSync(join(sluice.dir, 'mistake.cjs'), join(sluice.dir, 'now'))
    await waitFor('the worker to stop', () => processStat(pid!)?.state === 'T')
    process.kill(pid!, 'SIGKILL')
    await sluice.waitForLog(/exited on signal 9/)
    await sluice.end('SIGTERM').catch(() => {})
  })

  test('abort: it ends with a core dump', async () => {
    const sluice = await start('abort')
    await workersOf(sluice)
    cpSync(join(sluice.dir, 'mistake.cjs'), join(sluice.dir, 'now'))
    await sluice.waitForLog(/exited on signal 6/)
    await sluice.end('SIGTERM').catch(() => {})
  })
})
