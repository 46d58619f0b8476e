// A binary upgrade, the way back, and another one that is carried through, under a load of all kinds: no request fails, and
// no key gets a second burst, since the zones are handed over.

import { expect, test, vi } from 'vitest'
import { COUNTED, MixedLoad, mixedHttp } from '../harness/mixed_load.ts'
import { isAlive, processStat } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 240_000 })
const WORKERS = 2
const PATIENCE_MS = 60_000

test.each([
  ['one socket', ''],
  ['a socket each', 'reuseport'],
])('an upgrade and a way back fail no request and give no key a second burst (%s)', async (_, options) => {
  const sluice = await startSluice({ http: mixedHttp(options), workers: WORKERS, logLevel: 'notice', daemon: true })
  await serving(sluice)
  const load = await MixedLoad.start(sluice)

  const old = await startNew(sluice, 2)
  process.kill(old, 'SIGWINCH')
  await workersOf(sluice, old, 0)
  process.kill(old, 'SIGHUP')
  await workersOf(sluice, old, WORKERS)
  await end(sluice.pid)
  await waitFor('the old master to be the only one', () => sluice.oldPid === undefined && sluice.pid === old)

  expect(await startNew(sluice, 3)).toBe(old)
  await end(old)
  await waitFor('the new master to be the only one', () => sluice.oldPid === undefined)

  const { failures, answers, admitted, seconds } = await load.stop()
  expect(failures).toEqual([])
  expect(Math.min(...Object.values(answers))).toBeGreaterThan(1)
  const [least, most] = seconds.map((time) => COUNTED.burst + 1 + Math.floor(COUNTED.ratePerSecond * time))
  expect(admitted).toBeLessThanOrEqual(most!)
  expect(admitted).toBeGreaterThanOrEqual(least! - 1)
})

/** USR2; resolves with the pid of the old master when the new one serves. */
async function startNew(sluice: ServerProcess, generations: number): Promise<number> {
  const old = sluice.pid
  sluice.signal('SIGUSR2')
  await serving(sluice, generations)
  return old
}

async function workersOf(sluice: ServerProcess, master: number, count: number): Promise<void> {
  await waitFor(`${count} workers of ${master}`, () => sluice.workers(master).length === count, PATIENCE_MS)
}

/** QUIT to a master. */
async function end(pid: number): Promise<void> {
  const master = processStat(pid)!
  process.kill(pid, 'SIGQUIT')
  await waitFor(`${pid} to end`, () => !isAlive(master), PATIENCE_MS)
}
