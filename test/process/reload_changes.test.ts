// What a reload may change besides servers: the user of the workers, zones, options of listening sockets. What is not wanted
// any more is let go by everybody.

import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { httpOrigin } from '../harness/origin.ts'
import { descriptorLinks, holdersOfMemory } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Unique, so that its memory can be looked for in all processes. */
const zoneName = (name: string) => `${name}_${process.pid}`

test.runIf(process.getuid?.() === 0)('another user for the workers: they can log, store and remember', async () => {
  const origin = await httpOrigin((asked) => `${asked.body.length}`)
  // The body does not fit into memory.
  const http = `
    limit_req_zone $arg_k zone=one:1m rate=1r/m;
    server {
      listen 127.0.0.1:%%PORT:a%%;
      client_body_buffer_size 1k;
      location / { limit_req zone=one burst=1 nodelay; proxy_pass http://127.0.0.1:${origin.port}; }
    }`
  const confOf = (user: string) =>
    wholeConf({ http, main: `user ${user};`, logLevel: 'notice' }).replace('user root;\n', '')
  const sluice = await startSluice({ conf: confOf('nobody nogroup') })
  await serving(sluice)
  const post = async (key: string) => {
    const text = request('POST', `/?k=${key}`, ['Connection: close', 'Content-Length: 50000'], 'x'.repeat(50_000))
    const { status, body } = await ask(sluice.port('a'), text)
    return status === 200 ? body : status
  }
  const uidOf = (pid: number) => /^Uid:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  expect(await post('k')).toBe('50000')
  const users: [user: string, uid: number][] = [
    ['daemon daemon', 1],
    ['root root', 0],
    ['nobody nogroup', 65534],
  ]
  for (const [round, [user, uid]] of users.entries()) {
    await sluice.writeConf(confOf(user))
    await sluice.reload()
    expect(sluice.workers().map(({ pid }) => uidOf(pid))).toEqual([[uid, uid, uid, uid].join('\t')])
    expect(await post(`u${round}`)).toBe('50000')
    expect(await post('k')).toBe(round === 0 ? '50000' : 503)
    // The workers open the new files themselves.
    const { ino } = statSync(`${sluice.dir}/logs/access.log`)
    execFileSync('mv', [`${sluice.dir}/logs/access.log`, `${sluice.dir}/logs/access.log.${round}`])
    sluice.signal('SIGUSR1')
    await waitFor(
      'the new file',
      () => statSync(`${sluice.dir}/logs/access.log`, { throwIfNoEntry: false })?.uid === uid,
    )
    const [worker] = sluice.workers()
    await waitFor('the worker to have it', () => !holdsInode(worker!.pid, ino))
    await post('logged')
    await sluice.waitForAccess(/POST \/\?k=logged/)
  }
})

function holdsInode(pid: number, inode: number): boolean {
  return Array.from(
    { length: 64 },
    (_, fd) => statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false })?.ino,
  ).includes(inode)
}

test('zones come and go: memory that no configuration wants is let go by everybody', async () => {
  const [kept, gone, fresh] = [zoneName('kept'), zoneName('gone'), zoneName('fresh')]
  const http = (zones: readonly string[]) => `
    ${zones.map((name) => `limit_req_zone $arg_k zone=${name}:64k rate=1r/m;`).join('\n')}
    server {
      listen 127.0.0.1:%%PORT:a%%;
      root %%DIR%%/html;
      location / { ${zones.map((name) => `limit_req zone=${name};`).join(' ')} }
    }`
  const sluice = await startSluice({ http: http([kept, gone]), workers: 2, files: { 'html/page': 'served' } })
  await serving(sluice)
  const statusOf = async (key: string) => (await ask(sluice.port('a'), getOnce(`/page?k=${key}`))).status
  expect(await statusOf('k')).toBe(200)
  expect(holdersOfMemory(gone)).toEqual([sluice.pid])
  await sluice.writeConf(wholeConf({ http: http([kept, fresh]), workers: 2 }))
  await sluice.reload()
  await waitFor('the memory to be let go', () => holdersOfMemory(gone).length === 0)
  expect(holdersOfMemory(fresh)).toEqual([sluice.pid])
  expect(await statusOf('k')).toBe(503)
  expect(await statusOf('new')).toBe(200)
  // As when it had never been there.
  await sluice.writeConf(wholeConf({ http: http([gone]), workers: 2 }))
  await sluice.reload()
  expect(await statusOf('k')).toBe(200)
  for (const name of [kept, fresh]) await waitFor('it to be let go', () => holdersOfMemory(name).length === 0)
})

test('options of a listening socket change while it stays the same', async () => {
  const http = (options: string) =>
    `server { listen 127.0.0.1:%%PORT:a%% ${options}; location / { return 200 "served"; } }`
  const sluice = await startSluice({ http: http('') })
  await serving(sluice)
  const inode = listeningSocket(sluice)
  expect(inode).toBeDefined()
  await sluice.writeConf(wholeConf({ http: http('backlog=77 rcvbuf=64k so_keepalive=on deferred') }))
  await sluice.reload()
  expect(listeningSocket(sluice)).toBe(inode)
  expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
  await sluice.writeConf(wholeConf({ http: http('') }))
  await sluice.reload()
  expect(listeningSocket(sluice)).toBe(inode)
  expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
})

/** `socket:[inode]` that listens on the port and that the master holds. */
function listeningSocket(sluice: ServerProcess): string | undefined {
  const port = sluice.port('a').toString(16).toUpperCase().padStart(4, '0')
  const row = new RegExp(`^ *\\d+: 0100007F:${port} 00000000:0000 0A .*`, 'm').exec(
    readFileSync('/proc/net/tcp', 'latin1'),
  )
  const inode = row?.[0].trim().split(/ +/)[9]
  return descriptorLinks(sluice.pid).find((link) => link === `socket:[${inode}]`)
}
