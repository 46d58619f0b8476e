// The same promise while a worker is killed and the configuration is reloaded in the middle of the load: no count changes.

import type { ServerProcess } from '../../test/harness/server_process.ts'
import { sleep, waitFor } from '../../test/harness/wait_for.ts'
import { columns, fire } from '../fire.ts'
import { admitted, type LoadRow, type LoadScenario } from '../scenario.ts'
import { NODELAY_HTTP } from './nodelay_burst.ts'

const BURST = 120
const CONNECTIONS = 20

type Disturbance = (server: ServerProcess, workers: number) => Promise<void>

async function killOne(server: ServerProcess, workers: number): Promise<void> {
  const victim = await server.worker()
  process.kill(victim.pid, 'SIGKILL')
  await waitFor('its replacement', () => server.workers().length === workers)
}

async function disturbed(
  server: ServerProcess,
  seconds: number,
  workers: number,
  disturb: Disturbance,
): Promise<LoadRow> {
  const firing = fire({ url: server.url('front'), connections: CONNECTIONS, seconds })
  await sleep((seconds * 1000) / 3) // into the load, when the burst is used up
  await disturb(server, workers)
  const fired = await firing
  const expected = admitted(BURST, 1, fired.seconds)
  const row = columns(fired)
  // A killed worker takes its connections with it, and autocannon asks again on one that said `Connection: close`: once
  // each. That a reload loses nothing of a client that listens is told in test/integration/reload.test.ts.
  const holds = row.passed >= expected.least && row.passed <= expected.most && row.errors <= CONNECTIONS
  return { what: '', ...row, expected: expected.text, actual: String(row.passed), holds }
}

export const workerKilled: LoadScenario = {
  name: 'a worker killed meanwhile',
  http: NODELAY_HTTP,
  expectAlerts: [/worker process \d+ exited on signal 9/, /shared memory zone "one" was locked by \d+/],
  run: async (server, { seconds, workers }) => [
    { ...(await disturbed(server, seconds, workers, killOne)), what: 'SIGKILL' },
  ],
}

export const reloaded: LoadScenario = {
  name: 'a reload meanwhile',
  http: NODELAY_HTTP,
  run: async (server, { seconds, workers }) => {
    const row = await disturbed(server, seconds, workers, (s, count) => s.reload(count))
    return [{ ...row, what: 'SIGHUP' }]
  },
}
