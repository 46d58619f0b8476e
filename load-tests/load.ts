// `npm run load [-- --quick] [-- --seconds N] [-- --only TEXT]`: drives sluice with autocannon, scenario by scenario, prints
// what was expected and what came, and fails when a verdict does.

import { parseArgs } from 'node:util'
import { SLUICE_COMMAND } from '../test/harness/commands.ts'
import { wholeConf } from '../test/harness/conf_text.ts'
import { ServerProcess } from '../test/harness/server_process.ts'
import { leaveNothingBehind } from './leave.ts'
import type { LoadOptions, LoadRow, LoadScenario } from './scenario.ts'
import { delayedSpacing } from './scenarios/delayed_spacing.ts'
import { reloaded, workerKilled } from './scenarios/disturbed.ts'
import { hotKey } from './scenarios/hot_key.ts'
import { independentKeys } from './scenarios/independent_keys.ts'
import { millionKeys } from './scenarios/million_keys.ts'
import { nodelayBurst } from './scenarios/nodelay_burst.ts'
import { reloads } from './scenarios/reloads.ts'
import { slowClients } from './scenarios/slow_clients.ts'
import { twoZones } from './scenarios/two_zones.ts'
import { upstreamDown } from './scenarios/upstream_down.ts'
import { zoneFull } from './scenarios/zone_full.ts'
import { tableLines } from './table.ts'

const SCENARIOS: readonly LoadScenario[] = [
  nodelayBurst,
  delayedSpacing,
  independentKeys,
  twoZones,
  hotKey,
  millionKeys,
  zoneFull,
  upstreamDown,
  slowClients,
  workerKilled,
  reloaded,
  reloads,
]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    workers: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
})
const options: LoadOptions = {
  seconds: Number(values.seconds ?? (values.quick ? 3 : 10)),
  workers: Number(values.workers),
  quick: values.quick,
}

leaveNothingBehind()

async function runScenario(scenario: LoadScenario): Promise<LoadRow[]> {
  const server = await ServerProcess.start({
    command: SLUICE_COMMAND,
    conf: wholeConf({ http: scenario.http, workers: options.workers, logLevel: 'notice' }),
    files: scenario.files ?? {},
    expectAlerts: scenario.expectAlerts ?? [],
  })
  try {
    return await scenario.run(server, options)
  } finally {
    await server.stop()
  }
}

const rows: (readonly (string | number)[])[] = [
  ['scenario', '', 'requests', '200', '503', 'errors', 'p50 ms', 'p99 ms', 'max ms', 'expected', 'admitted', 'verdict'],
]
let failed = 0
for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
  process.stderr.write(`${scenario.name} ...\n`)
  for (const row of await runScenario(scenario)) {
    const { what, requests, passed, refused, errors, p50, p99, max, expected, actual, holds } = row
    if (!holds) failed++
    const latencies = [p50, p99, max].map((ms) => Math.round(ms * 10) / 10)
    rows.push([
      scenario.name,
      what,
      requests,
      passed,
      refused,
      errors,
      ...latencies,
      expected,
      actual,
      holds ? 'holds' : 'FAILS',
    ])
  }
}
console.log(`${options.workers} workers, ${process.version}\n`)
for (const line of tableLines(rows)) console.log(line)
console.log(`\n${rows.length - 1 - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
