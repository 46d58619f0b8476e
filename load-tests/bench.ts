// `npm run bench [-- --quick] [-- --only TEXT]`: sluice beside nginx, one worker each, on a core of their own. Prints CPU per
// request and its ratio, and leaves all samples in reports/bench.json. With --max-ratio it fails when a ratio is above.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../test/harness/commands.ts'
import { findPeer } from '../test/harness/peers.ts'
import { contest, NGINX_PEER, SLUICE, type Standing, startOrigin } from './bench/contest.ts'
import type { BenchScenario } from './bench/scenario.ts'
import { limitedGet } from './bench/scenarios/limited_get.ts'
import { refused } from './bench/scenarios/refused.ts'
import { tableLines } from './table.ts'

const SCENARIOS: readonly BenchScenario[] = [limitedGet, refused]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
    'max-ratio': { type: 'string' },
  },
})
const options = {
  rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
  seconds: Number(values.seconds ?? (values.quick ? 2 : 4)),
  connections: Number(values.connections),
}
if (cpus().length < 2) throw new Error('needs two cores: one for the proxy, one for the load')
if (findPeer('wrk') === undefined) process.exit(1)

const origin = await startOrigin()
const results: { scenario: string; standings: Standing[] }[] = []
try {
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
    const progress = (text: string) => process.stderr.write(`${text}\n`)
    const standings = await contest(scenario, [SLUICE, NGINX_PEER], origin.port('origin'), options, progress)
    results.push({ scenario: scenario.name, standings })
  }
} finally {
  await origin.stop()
}

const digits = (value: number, count: number) => Number(value.toFixed(count))
const rows = results.flatMap(({ scenario, standings }) =>
  standings.map(({ contender, median, ratio, leastRatio, mostRatio }) => [
    scenario,
    contender,
    digits(median.cpuUs, 2),
    digits(ratio, 3),
    `${leastRatio.toFixed(2)}..${mostRatio.toFixed(2)}`,
    Math.round(median.perSecond),
    digits(median.p50Ms, 2),
    digits(median.p99Ms, 2),
    Math.round(median.residentMb),
  ]),
)
const heading = ['scenario', 'proxy', 'CPU µs', 'ratio', 'of rounds', 'req/s', 'p50 ms', 'p99 ms', 'MB']
console.log(
  `${options.rounds} rounds of ${options.seconds} s, ${options.connections} connections, ${process.version}, ${cpus()[0]?.model}\n`,
)
for (const line of tableLines([heading, ...rows])) console.log(line)

mkdirSync(join(PACKAGE_ROOT, 'reports'), { recursive: true })
writeFileSync(
  join(PACKAGE_ROOT, 'reports/bench.json'),
  JSON.stringify({ options, node: process.version, results }, null, 2),
)

const bound = values['max-ratio'] === undefined ? Number.POSITIVE_INFINITY : Number(values['max-ratio'])
if (results.some(({ standings }) => standings.some(({ ratio }) => ratio > bound))) process.exitCode = 1
