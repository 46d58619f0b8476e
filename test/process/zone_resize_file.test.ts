// Zones that are resized where more than workers come and go: in a state file, through a binary upgrade, without a master.

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { request } from '../harness/http_text.ts'
import { rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { answer, holdOne, inForce, limited, PAGE, PATIENCE_MS, passes, passesOf, resize, SLOW } from './limited.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 120_000 })

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-resize-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('a zone in a file that is resized', () => {
  test('goes over to a new file of that name', async () => {
    const path = join(temporaryFolder(), 'state')
    const sluice = await startSluice({ files: PAGE, http: limited('64k', '', path), workers: 2 })
    await serving(sluice)
    expect(await passes(sluice, 'a')).toBe(11)
    await resize(sluice, limited('256k', '', path))
    expect(await passes(sluice, 'a', 1)).toBe(0)
    await inForce(sluice, 256 * 1024)
    expect(statSync(path).size).toBe(256 * 1024)
    expect(await passes(sluice, 'a')).toBe(0)
    expect(await passes(sluice, 'b')).toBe(11)
    await sluice.stop()
    // And at a start with another size.
    const again = await startSluice({ files: PAGE, http: limited('128k', '', path), workers: 2 })
    await serving(again)
    expect(statSync(path).size).toBe(128 * 1024)
    expect(readdirSync(join(path, '..'))).toEqual(['state'])
    for (const key of ['a', 'b']) expect(await passes(again, key)).toBe(0)
    expect(await passes(again, 'c')).toBe(11)
  })

  test('a zone without a file gets one, and one that has one loses it', async () => {
    const path = join(temporaryFolder(), 'state')
    const sluice = await startSluice({ files: PAGE, http: limited('64k'), workers: 1 })
    await serving(sluice)
    expect(await passes(sluice, 'a')).toBe(11)
    await resize(sluice, limited('64k', '', path), 1)
    expect(await passes(sluice, 'a', 1)).toBe(0)
    await waitFor('the file', () => existsSync(path), PATIENCE_MS)
    expect(await passes(sluice, 'a')).toBe(0)
    await resize(sluice, limited('64k'), 1)
    expect(await passes(sluice, 'a')).toBe(0)
  })
})

test('a binary upgrade with another size: the old zone is in force as long as the old master is there', async () => {
  const sluice = await startSluice({ files: PAGE, http: limited('1m'), workers: 1, daemon: true })
  await serving(sluice)
  const old = sluice.pid
  expect(await passes(sluice, 'a')).toBe(11)
  await sluice.writeConf(wholeConf({ http: limited('2m'), workers: 1 }))
  sluice.signal('SIGUSR2')
  await serving(sluice, 2)
  expect(sluice.pid).not.toBe(old)
  // Both serve.
  expect(await passes(sluice, 'a')).toBe(0)
  expect(await passes(sluice, 'b')).toBe(11)
  process.kill(old, 'SIGWINCH')
  await waitFor('its workers to leave', () => sluice.workers(old).length === 0, PATIENCE_MS)
  expect(await passes(sluice, 'b')).toBe(0)
  expect(sluice.log()).not.toContain('is in force')
  process.kill(old, 'SIGQUIT')
  await inForce(sluice, 2097152)
  for (const key of ['a', 'b']) expect(await passes(sluice, key)).toBe(0)
})

describe('without a master', () => {
  const main = 'master_process off;'
  const reload = async (sluice: ServerProcess, http: string) => {
    await sluice.writeConf(wholeConf({ http, workers: 0, main }))
    sluice.signal('SIGHUP')
  }

  test('the one process goes over at once', async () => {
    const sluice = await startSluice({ files: PAGE, http: limited('1m'), workers: 0, main })
    expect(await passes(sluice, 'a')).toBe(11)
    await reload(sluice, limited('64k'))
    await inForce(sluice, 64 * 1024)
    expect(await passes(sluice, 'a')).toBe(0)
    expect(await passes(sluice, 'b')).toBe(11)
  })

  test('connections of before are limited by what is in force now, whatever it was resized to', async () => {
    const http = (size: string) => `
      keepalive_min_timeout 60s;
      limit_conn_zone $arg_k zone=conns:${size};
      ${limited(size, 'limit_conn conns 2;')}`
    const sluice = await startSluice({ files: PAGE, http: http('1m'), workers: 0, main })
    const clients: Client[] = []
    const askBy = (client: Client) =>
      passesOf('a', async () => {
        client.send(request('GET', '/page?k=a'))
        return (await client.response()).status === 200 ? 1 : 0
      })
    // One that is kept through three reloads, one through two, and so on.
    for (const [size, bytes] of [
      ['2m', 2 << 20],
      ['512k', 512 << 10],
      ['64k', 64 << 10],
    ] as const) {
      const client = await Client.connect(sluice.port('a'))
      clients.push(client)
      expect(await askBy(client)).toBe(1)
      await reload(sluice, http(size))
      await inForce(sluice, bytes)
    }
    for (const client of clients) expect(await askBy(client)).toBe(1)
    expect(await passes(sluice, 'a', 30)).toBe(11 - 2 * clients.length)
    for (const client of clients) client.destroy()
  })

  test('a server that goes on through two reloads ends as any other', async () => {
    const origin = await rawOrigin(() => {})
    const http = (size: string) => limited(size, SLOW)
    const ports = { origin: origin.port }
    const sluice = await startSluice({ files: PAGE, http: http('1m'), workers: 0, main, ports })
    const first = await holdOne(sluice, origin)
    await reload(sluice, http('2m'))
    await inForce(sluice, 2 << 20)
    const second = await holdOne(sluice, origin)
    await reload(sluice, `${http('64k')} limit_req_zone $arg_k zone=other:1m rate=1r/m;`)
    await inForce(sluice, 64 << 10)
    await answer(first)
    await answer(second)
    expect(await passes(sluice, 'a')).toBe(11)
  })
})
