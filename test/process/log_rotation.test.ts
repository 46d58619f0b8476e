// What logrotate does: rename, SIGUSR1, and from then on nobody has the old files.

import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

const HTTP = `
  log_format uri '$uri';
  server { listen 127.0.0.1:%%PORT:a%%; access_log %%DIR%%/logs/uris.log uri; location / { return 200 "served"; } }`

/** Has any process of sluice the file open that was at `path` when it had this inode? */
function isHeld(sluice: ServerProcess, inode: number): boolean {
  const pids = [sluice.pid, ...sluice.workers().map(({ pid }) => pid)]
  return pids.some((pid) => descriptorsOf(pid).some((fd) => inodeOf(`/proc/${pid}/fd/${fd}`) === inode))
}

/** None of a process that has ended meanwhile. */
function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return []
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

/** Renames a log to NAME.1. */
function rotate(sluice: ServerProcess, name: string): number {
  const path = `${sluice.dir}/logs/${name}`
  const { ino } = statSync(path)
  renameSync(path, `${path}.1`)
  return ino
}

async function released(sluice: ServerProcess, inodes: readonly number[]): Promise<void> {
  await waitFor('the old files to be released', () => inodes.every((inode) => !isHeld(sluice, inode)))
}

describe('SIGUSR1', () => {
  test('under load loses no line, and nobody writes to the old file any more', async () => {
    const sluice = await startSluice({ http: HTTP, workers: 2, logLevel: 'notice' })
    await serving(sluice)
    let sent = 0
    let stopped = false
    const client = async () => {
      while (!stopped) expect((await ask(sluice.port('a'), getOnce(`/r${sent++}`))).status).toBe(200)
    }
    const clients = [client(), client(), client()]
    for (let round = 1; round <= 3; round++) {
      const enough = sent + 20
      await waitFor('some requests', () => sent > enough)
      const inodes = ['uris.log', 'error.log'].map((name) => rotate(sluice, name))
      sluice.signal('SIGUSR1')
      await released(sluice, inodes)
      const old = ['uris.log', 'error.log'].map((name) => sluice.file(`logs/${name}.1`))
      const later = sent + 20
      await waitFor('more requests', () => sent > later)
      expect(['uris.log', 'error.log'].map((name) => sluice.file(`logs/${name}.1`))).toEqual(old)
      renameSync(`${sluice.dir}/logs/uris.log.1`, `${sluice.dir}/logs/uris.log.old${round}`)
    }
    stopped = true
    await Promise.all(clients)
    await sluice.end()
    const names = ['uris.log.old1', 'uris.log.old2', 'uris.log.old3', 'uris.log']
    const lines = names.flatMap((name) => sluice.file(`logs/${name}`).split('\n').filter(Boolean))
    expect(lines.sort()).toEqual(Array.from({ length: sent }, (_, i) => `/r${i}`).sort())
  })

  test('reaches workers that are starting and workers that are finishing', async () => {
    const origin = await rawOrigin(async (connection) => {
      await connection.request()
    })
    const http = HTTP.replace('location /', `location /wait { proxy_pass http://127.0.0.1:${origin.port}; } location /`)
    const sluice = await startSluice({ http, workers: 2, logLevel: 'notice' })
    await serving(sluice)
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/wait'))
    const answering = await waitFor('the request at the origin', () => origin.connections[0])
    sluice.signal('SIGHUP')
    await waitFor('new workers to start', () => sluice.logLines(/start worker process \d+$/).length > 2)
    // Renamed while the new ones are on their way: they inherit the old files.
    const inodes = ['uris.log', 'error.log'].map((name) => rotate(sluice, name))
    sluice.signal('SIGUSR1')
    const bothLogs = () => sluice.file('logs/error.log.1') + sluice.log()
    await waitFor('all to be ready', () => bothLogs().split('worker processes are ready').length - 1 === 2)
    await released(sluice, inodes)
    answering.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await client.response()).body).toBe('ok')
    client.destroy()
    await ask(sluice.port('a'), getOnce('/after'))
    await waitFor(
      'both lines',
      () => sluice.file('logs/uris.log').split('\n').sort().join(' ').trim() === '/after /wait',
    )
    expect(sluice.file('logs/uris.log.1')).toBe('')
  })

  test('reopens the logs of a single process', async () => {
    const conf = wholeConf({ http: HTTP, workers: 0, logLevel: 'notice', main: 'master_process off;' })
    const sluice = await startSluice({ conf })
    await ask(sluice.port('a'), getOnce('/before'))
    await waitFor('the line', () => sluice.file('logs/uris.log') === '/before\n')
    const inodes = ['uris.log', 'error.log'].map((name) => rotate(sluice, name))
    sluice.signal('SIGUSR1')
    await released(sluice, inodes)
    await ask(sluice.port('a'), getOnce('/after'))
    await waitFor('the line', () => sluice.file('logs/uris.log') === '/after\n')
    expect(sluice.file('logs/uris.log.1')).toBe('/before\n')
  })

  test.runIf(process.getuid?.() === 0)('gives the new files to the user of the workers, as nginx does', async () => {
    const conf = wholeConf({ http: HTTP, workers: 2, logLevel: 'notice', main: 'user nobody nogroup;' })
    const sluice = await startSluice({ conf: conf.replace('user root;\n', '') })
    await serving(sluice)
    expect(statSync(`${sluice.dir}/logs/uris.log`).uid).toBe(0)
    const inodes = ['uris.log', 'error.log'].map((name) => rotate(sluice, name))
    sluice.signal('SIGUSR1')
    await released(sluice, inodes)
    for (const name of ['uris.log', 'error.log']) expect(statSync(`${sluice.dir}/logs/${name}`).uid).toBe(65534)
    await ask(sluice.port('a'), getOnce('/after'))
    await waitFor('the line', () => sluice.file('logs/uris.log') === '/after\n')
  })

  test('a file that cannot be opened again keeps its descriptor, and says so', async () => {
    const sluice = await startSluice({
      http: HTTP.replace('/logs/', '/more/'),
      files: { 'more/x': '' },
      logLevel: 'notice',
    })
    await serving(sluice)
    const { ino } = statSync(`${sluice.dir}/more/uris.log`)
    renameSync(`${sluice.dir}/more`, `${sluice.dir}/moved`)
    sluice.expectAlert(/open\(\) ".*more\/uris\.log" failed \(2: No such file or directory\)/)
    sluice.signal('SIGUSR1')
    // The master and its worker.
    await waitFor('two failures', () => sluice.logLines(/\[emerg\].* open\(\) ".*more\/uris\.log" failed/).length === 2)
    expect(isHeld(sluice, ino)).toBe(true)
    await ask(sluice.port('a'), getOnce('/still'))
    await waitFor('the line', () => sluice.file('moved/uris.log') === '/still\n')
    rmSync(`${sluice.dir}/moved`, { recursive: true })
  })

  test('finds logs below a relative prefix although the workers have gone to working_directory', async () => {
    const http = HTTP.replace('%%DIR%%/', '')
    const sluice = await startSluice({ http, logLevel: 'notice', main: 'working_directory /;', relativePrefix: true })
    await serving(sluice)
    const inodes = ['uris.log', 'error.log'].map((name) => rotate(sluice, name))
    sluice.signal('SIGUSR1')
    await released(sluice, inodes)
    await ask(sluice.port('a'), getOnce('/after'))
    await waitFor('the line', () => sluice.file('logs/uris.log') === '/after\n')
    expect(readFileSync(`${sluice.dir}/logs/error.log`, 'latin1')).not.toContain('[emerg]')
  })
})
