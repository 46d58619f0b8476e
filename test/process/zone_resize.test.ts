// A reload that changes a zone's size: nobody is forgotten, and nobody has a second burst, whatever else happens meanwhile.

import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { wholeConf } from '../harness/conf_text.ts'
import { startLoad } from '../harness/load.ts'
import { rawOrigin } from '../harness/origin.ts'
import { descriptorCounts } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { answer, holdOne, inForce, limited, PAGE, PATIENCE_MS, passes, resize, SLOW, statusOf } from './limited.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 120_000 })

describe('a zone that is resized under load', () => {
  test('admits every key its share and no more', async () => {
    const sluice = await startSluice({ files: PAGE, http: limited('1m'), workers: 2 })
    await serving(sluice)
    expect(await passes(sluice, 'spent')).toBe(11)
    const load = startLoad(sluice.port('a'), 6, (n) => `/page?k=${n % 3 === 0 ? 'busy' : `k${n % 50}`}`)
    const sizes = ['2m', '64k', '600k', '1m']
    for (const size of sizes) {
      await resize(sluice, limited(size))
      expect(await passes(sluice, 'spent', 1)).toBe(0)
    }
    await inForce(sluice, 1048576)
    expect(await passes(sluice, 'spent')).toBe(0)
    const { statuses, lost } = await load.stop()
    expect(lost).toBe(0)
    // Of 'busy' and of each other key 11, and one a minute.
    const keys = 51
    const passed = statuses.get(200) ?? 0
    expect(passed).toBeLessThanOrEqual(keys * 13)
    expect(statuses.get(503)).toBeGreaterThan(0)
    expect(await passes(sluice, 'fresh')).toBe(11)
  })

  test('gives up its old memory, in the master and in the workers', async () => {
    const sluice = await startSluice({ files: PAGE, http: limited('1m'), workers: 1 })
    await serving(sluice)
    const memfds = () => descriptorCounts(sluice.pid).get('memfd')
    const before = memfds()
    await resize(sluice, limited('2m'), 1)
    await inForce(sluice, 2097152)
    await waitFor('the old descriptor to be closed', () => memfds() === before, PATIENCE_MS)
    await waitFor('the worker to unmap it', () => mappings(sluice.workers()[0]!.pid) === 1, PATIENCE_MS)
    expect(await statusOf(sluice, 'x')).toBe(200)
  })
})

describe('while old workers still have something to do', () => {
  test('the old zone is in force, for old and new workers, through one reload after the other', async () => {
    const origin = await rawOrigin(() => {})
    const http = (size: string) => limited(size, SLOW)
    const sluice = await startSluice({ files: PAGE, http: http('1m'), workers: 1, ports: { origin: origin.port } })
    await serving(sluice)
    const hold = () => holdOne(sluice, origin)
    const first = await hold()
    expect(await passes(sluice, 'a')).toBe(11)
    await reloadBeside(sluice, http('2m'))
    expect(await passes(sluice, 'a', 1)).toBe(0)
    expect(await passes(sluice, 'b')).toBe(11)
    const second = await hold()
    await reloadBeside(sluice, http('512k'))
    expect(await passes(sluice, 'c')).toBe(11)
    // And one that fails.
    sluice.expectAlert(/unknown directive/)
    await sluice.writeConf(wholeConf({ http: `${http('4m')} nonsense on;`, workers: 1 }))
    sluice.signal('SIGHUP')
    await sluice.waitForLog(/unknown directive "nonsense"/)
    expect(sluice.log()).not.toContain('is in force')
    await answer(first)
    await answer(second)
    await inForce(sluice, 512 * 1024)
    expect(sluice.log()).not.toContain('with 2097152 bytes')
    for (const key of ['a', 'b', 'c']) expect(await passes(sluice, key)).toBe(0)
  })

  test('a reload back to the size that is in force keeps the zone', async () => {
    const origin = await rawOrigin(() => {})
    const http = (size: string) => limited(size, SLOW)
    const sluice = await startSluice({ files: PAGE, http: http('1m'), workers: 1, ports: { origin: origin.port } })
    await serving(sluice)
    const held = await holdOne(sluice, origin)
    await reloadBeside(sluice, http('2m'))
    expect(await passes(sluice, 'a')).toBe(11)
    await reloadBeside(sluice, http('1m'))
    expect(await passes(sluice, 'a')).toBe(0)
    await answer(held)
    await waitFor('the old workers to leave', () => sluice.workers().length === 1, PATIENCE_MS)
    expect(sluice.log()).not.toContain('is in force')
    expect(await passes(sluice, 'a')).toBe(0)
  })

  test('their connections count, before and after the new zone is in force', async () => {
    const origin = await rawOrigin(() => {})
    const http = (size: string) => `
      limit_conn_zone $arg_k zone=one:${size};
      server {
        listen 127.0.0.1:%%PORT:a%%;
        limit_conn one 2;
        location / { root %%DIR%%/html; }
        ${SLOW}
      }`
    const sluice = await startSluice({ files: PAGE, http: http('64k'), workers: 1, ports: { origin: origin.port } })
    await serving(sluice)
    const hold = () => holdOne(sluice, origin)
    const becomes = (status: number) =>
      waitFor(`an answer ${status}`, async () => (await statusOf(sluice, 'a')) === status, PATIENCE_MS)
    const first = await hold()
    await reloadBeside(sluice, http('128k'))
    const second = await hold()
    expect(await statusOf(sluice, 'a')).toBe(503)
    await answer(first)
    await inForce(sluice, 128 * 1024)
    // The second one is still in the old memory.
    await becomes(200)
    const third = await hold()
    expect(await statusOf(sluice, 'a')).toBe(503)
    // Resized once more while there is a connection in each.
    await reloadBeside(sluice, http('256k'))
    expect(await statusOf(sluice, 'a')).toBe(503)
    await answer(second)
    await becomes(200)
    const fourth = await hold()
    expect(await statusOf(sluice, 'a')).toBe(503)
    await answer(third)
    await inForce(sluice, 256 * 1024)
    await becomes(200)
    await answer(fourth)
    await waitFor('all old memory to be given up', () => mappings(sluice.workers()[0]!.pid) === 1, PATIENCE_MS)
    expect(await statusOf(sluice, 'a')).toBe(200)
  })
})

/** A reload that does not wait for the old workers, one of which is busy. */
async function reloadBeside(sluice: ServerProcess, http: string): Promise<void> {
  const generations = sluice.logLines(/worker processes are ready$/).length
  await sluice.writeConf(wholeConf({ http, workers: 1 }))
  sluice.signal('SIGHUP')
  await serving(sluice, generations + 1)
  const told = () => sluice.logLines(/gracefully shutting down$/).length
  await waitFor('the old workers to be told', () => told() >= generations, PATIENCE_MS)
}

/** How many zones named "one" a process maps. */
function mappings(pid: number): number {
  return readFileSync(`/proc/${pid}/maps`, 'latin1').match(/memfd:one/g)?.length ?? 0
}
