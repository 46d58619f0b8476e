// `npm run bench [-- --quick] [-- --only TEXT]`: sluice beside other proxies, one worker each, on a core of their own. Prints
// a table and leaves all samples and the reports in reports/bench.*. With --max-ratio it fails when sluice's is above.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../test/harness/commands.ts'
import { findPeer } from '../test/harness/peers.ts'
import type { Contender } from './bench/contenders/contender.ts'
import { CONTENDERS, REFERENCE } from './bench/contenders/index.ts'
import { installNodePeers, NODE_PEERS } from './bench/contenders/node_peers.ts'
import { contest } from './bench/contest.ts'
import { startOrigin } from './bench/origin.ts'
import { startProgress } from './bench/progress.ts'
import { html } from './bench/report/html.ts'
import { type BenchResult, machineText, type ScenarioResult } from './bench/report/result.ts'
import { markdown, resultRows, runText, versionsText } from './bench/report/rows.ts'
import type { BenchScenario } from './bench/scenario.ts'
import { SCENARIOS } from './bench/scenarios/index.ts'
import { tableLines } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    'max-ratio': { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
const seconds = Number(values.seconds ?? (values.quick ? 0.7 : 3))
const warmUpSeconds = values.quick ? 0.5 : 2
const connections = Number(values.connections)

function fail(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
if (cpus().length < 2) fail('the benchmark needs two cores: one for the proxy, one for the load')
if (findPeer('wrk') === undefined || REFERENCE.version === undefined) fail('the benchmark needs nginx and wrk')

const scenarios = SCENARIOS.filter(({ name }) => name.includes(values.only))
if (scenarios.length === 0) fail(`no scenario has "${values.only}" in its name`)

/** Those whose names contain one of the words of --peers, and always sluice and the reference. */
function wantedContenders(): readonly Contender[] {
  const words = values.peers.split(',').map((word) => word.toLowerCase())
  const wanted = CONTENDERS.filter(
    (one) => one === CONTENDERS[0] || one === REFERENCE || words.some((word) => one.name.toLowerCase().includes(word)),
  )
  const note = (text: string) => process.stderr.write(`${text}\n`)
  if (wanted.some((one) => NODE_PEERS.includes(one))) installNodePeers(note)
  for (const one of wanted)
    if (one.version === undefined) note(`skipped: ${one.name} is not installed (${one.install})`)
  return wanted.filter((one) => one.version !== undefined)
}

const contenders = wantedContenders()
const takesPart = (one: Contender, scenario: BenchScenario) => one.declines?.(scenario) === undefined
const pairs = scenarios.flatMap((scenario) => contenders.filter((one) => takesPart(one, scenario)))
const progress = startProgress(pairs.length * (rounds + 1))

const origin = await startOrigin()
const results: ScenarioResult[] = []
try {
  for (const scenario of scenarios) {
    const parting = contenders.filter((one) => takesPart(one, scenario))
    const standings = await contest(scenario, parting, REFERENCE, {
      rounds,
      seconds,
      warmUpSeconds,
      connections,
      originPort: origin.port('origin'),
      progress: (text) => progress.step(text),
    })
    const absent = contenders.flatMap((one) => {
      const why = one.declines?.(scenario)
      return why === undefined ? [] : [{ contender: one.name, why }]
    })
    const { name, tells } = scenario
    results.push({ scenario: name, tells, connections: scenario.connections ?? connections, standings, absent })
  }
} finally {
  progress.end()
  await origin.stop()
}

const result: BenchResult = {
  date: new Date().toISOString().slice(0, 10),
  machine: machineText(),
  rounds,
  seconds,
  reference: REFERENCE.name,
  versions: Object.fromEntries(contenders.map(({ name, version = '' }) => [name, version])),
  results,
}
console.log(`${runText(result)}\n${versionsText(result)}\n`)
for (const line of tableLines(resultRows(result))) console.log(line)

const reports = join(PACKAGE_ROOT, 'reports')
mkdirSync(reports, { recursive: true })
writeFileSync(join(reports, 'bench.json'), JSON.stringify(result, null, 2))
writeFileSync(join(reports, 'bench.md'), markdown(result))
writeFileSync(join(reports, 'bench.html'), html(result))
console.log('\nreports/bench.json, reports/bench.md, reports/bench.html')

const bound = Number(values['max-ratio'] ?? Number.POSITIVE_INFINITY)
const ofSluice = results.flatMap(({ standings }) => standings.filter(({ contender }) => contender === 'sluice'))
if (ofSluice.some(({ ratio }) => ratio > bound)) process.exitCode = 1
