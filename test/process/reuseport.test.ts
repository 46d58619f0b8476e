// `listen ... reuseport`: a queue per worker, and nobody who is in one is lost, whatever becomes of the worker.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { descriptorLinks, isAlive } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

const http = (options = 'reuseport') =>
  `access_log off; server { listen 127.0.0.1:%%PORT:a%% ${options}; location / { return 200 $pid; } }`
const conf = (workers: number, options?: string, main = '') => wholeConf({ http: http(options), workers, main })

const KILLED = [/exited on signal 9/]

/** Opens connections with a request each, and does not wait for answers. */
function storm(sluice: ServerProcess, count: number): Promise<Client[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = await Client.connect(sluice.port('a'))
      client.send(getOnce('/'))
      return client
    }),
  )
}

/** Pids that have answered. */
async function answersOf(clients: readonly Client[]): Promise<Set<number>> {
  const bodies = await Promise.all(clients.map(async (client) => (await client.response({ limitMs: 20_000 })).body))
  return new Set(bodies.map(Number))
}

const pidsOf = (sluice: ServerProcess) => new Set(sluice.workers().map(({ pid }) => pid))
const isAnswered = (client: Client) => client.received !== ''

/** Sockets of the address that the master holds. */
function listeners(sluice: ServerProcess): number {
  return descriptorLinks(sluice.pid).filter((name) => name.startsWith('socket:')).length
}

/** Asks again and again, on new connections, until told to stop; resolves with the number of answers. */
function keepAsking(sluice: ServerProcess): () => Promise<number> {
  let stopped = false
  const client = async () => {
    let answers = 0
    for (; !stopped; answers++) expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(200)
    return answers
  }
  const clients = [client(), client(), client()]
  return async () => {
    stopped = true
    return (await Promise.all(clients)).reduce((sum, count) => sum + count, 0)
  }
}

describe('with reuseport', () => {
  test('every worker gets connections', async () => {
    const sluice = await startSluice({ conf: conf(3) })
    await serving(sluice)
    expect(await answersOf(await storm(sluice, 60))).toEqual(pidsOf(sluice))
  })

  test('who is queued at a worker that dies is served by a sibling, and its successor is on its own again', async () => {
    const sluice = await startSluice({ conf: conf(2), expectAlerts: KILLED })
    await serving(sluice)
    const [victim, survivor] = sluice.workers()
    process.kill(victim!.pid, 'SIGSTOP')
    const clients = await storm(sluice, 40)
    // Each has chosen its queue by chance: that all 40 chose the same will not happen.
    await waitFor('the survivor to answer its own', () => clients.some(isAnswered))
    process.kill(victim!.pid, 'SIGKILL')
    const answered = await answersOf(clients)
    expect(answered).toContain(survivor!.pid)
    expect(answered).not.toContain(victim!.pid)
    await waitFor('two workers', () => sluice.workers().length === 2)
    // The stand-in has closed its copies: its queue is the only one that it accepts on.
    await waitFor('both to answer', async () => (await answersOf(await storm(sluice, 20))).size === 2)
  })

  test('workers that die again and again lose nobody who connects', async () => {
    const sluice = await startSluice({ conf: conf(2), expectAlerts: KILLED })
    await serving(sluice)
    const [, survivor] = sluice.workers()
    for (let round = 0; round < 3; round++) {
      const victim = await waitFor('a victim', () => sluice.workers().find(({ pid }) => pid !== survivor!.pid))
      process.kill(victim.pid, 'SIGKILL')
      await waitFor('its death', () => !isAlive(victim))
      // Its successor waits, longer each time; its queue must not.
      const answered = await answersOf(await storm(sluice, 20))
      expect(answered).toContain(survivor!.pid)
    }
  })

  test('reloads with other numbers of workers, and without reuseport, lose no connection', async () => {
    const sluice = await startSluice({ conf: conf(2) })
    await serving(sluice)
    const stop = keepAsking(sluice)
    for (const [workers, options] of [
      [4, 'reuseport'],
      [1, 'reuseport'],
      [3, 'reuseport'],
      [2, ''],
      [3, 'reuseport'],
    ] as const) {
      await sluice.writeConf(conf(workers, options))
      await sluice.reload(workers)
    }
    expect(await stop()).toBeGreaterThan(0)
    expect(await answersOf(await storm(sluice, 60))).toEqual(pidsOf(sluice))
  }, 120_000)

  test('a reload that fails loses nobody, although it has opened queues of its own', async () => {
    const failures = [
      /chdir\(.*\) failed/,
      /exited with fatal code 2/,
      /did not start, the old configuration stays in force/,
    ]
    const sluice = await startSluice({ conf: conf(2), expectAlerts: failures })
    await serving(sluice)
    const before = listeners(sluice)
    const stop = keepAsking(sluice)
    await sluice.writeConf(conf(6, 'reuseport', 'working_directory %%DIR%%/gone;'))
    for (let round = 1; round <= 2; round++) {
      sluice.signal('SIGHUP')
      await waitFor('it to fail', () => sluice.logLines(/stays in force/).length === round, 20_000)
    }
    expect(await stop()).toBeGreaterThan(0)
    await waitFor('its sockets to be closed', () => listeners(sluice) === before)
    expect(await answersOf(await storm(sluice, 40))).toEqual(pidsOf(sluice))
  }, 60_000)
})
