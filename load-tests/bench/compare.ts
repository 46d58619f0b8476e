// `npm run bench [-- --quick] [-- --only TEXT]`: sluice beside other proxies. Prints a table and leaves all samples and the
// reports in reports/bench.*. With --max-ratio it fails when sluice's is above.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../../test/harness/commands.ts'
import { tableLines } from '../table.ts'
import type { Contender } from './contenders/contender.ts'
import { CONTENDERS, REFERENCE } from './contenders/index.ts'
import { installNodePeers, NODE_PEERS } from './contenders/node_peers.ts'
import { contest } from './contest.ts'
import type { WarmUp } from './measure.ts'
import { startOrigin } from './origin.ts'
import { type Progress, startProgress } from './progress.ts'
import { html } from './report/html.ts'
import { type BenchResult, machineText, type ScenarioResult } from './report/result.ts'
import { resultRows, runText, versionsText } from './report/rows.ts'
import { summary } from './report/summary.ts'
import type { BenchScenario } from './scenario.ts'
import { SCENARIOS } from './scenarios/index.ts'

/** By requests: before some thousand of them V8 has not compiled what is hot, and a busy machine takes its time for them. */
const WARM_UP: WarmUp = { seconds: 2, requests: 30_000, mostSeconds: 6 }
const QUICK_WARM_UP: WarmUp = { seconds: 0.5, requests: 5000, mostSeconds: 1 }

const REPORTS = join(PACKAGE_ROOT, 'reports')

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: WarmUp
  readonly connections: number
}

/** Runs the command; whether sluice's ratios are within --max-ratio. */
export async function compare(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
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
  const options: Options = {
    rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
    seconds: Number(values.seconds ?? (values.quick ? 0.6 : 3)),
    warmUp: values.quick ? QUICK_WARM_UP : WARM_UP,
    connections: Number(values.connections),
  }
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(values.only))
  if (scenarios.length === 0) throw new Error(`no scenario has "${values.only}" in its name`)
  const contenders = wantedContenders(values.peers)
  const result: BenchResult = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineText(),
    rounds: options.rounds,
    seconds: options.seconds,
    reference: REFERENCE.name,
    versions: Object.fromEntries(contenders.map(({ name, version = '' }) => [name, version])),
    results: await runAll(scenarios, contenders, options),
  }
  report(result)
  const bound = Number(values['max-ratio'] ?? Number.POSITIVE_INFINITY)
  const ours = result.results.flatMap(({ standings }) => standings.filter(({ contender }) => contender === 'sluice'))
  return ours.every(({ ratio }) => ratio <= bound)
}

/** Those whose names contain one of the words of --peers, and always sluice and the reference. */
function wantedContenders(peers: string): readonly Contender[] {
  const words = peers.split(',').map((word) => word.toLowerCase())
  const wanted = CONTENDERS.filter(
    (one) => one === CONTENDERS[0] || one === REFERENCE || words.some((word) => one.name.toLowerCase().includes(word)),
  )
  const note = (text: string) => process.stderr.write(`${text}\n`)
  if (wanted.some((one) => NODE_PEERS.includes(one))) installNodePeers(note)
  for (const one of wanted)
    if (one.version === undefined) note(`skipped: ${one.name} is not installed (${one.install})`)
  return wanted.filter((one) => one.version !== undefined)
}

async function runAll(
  scenarios: readonly BenchScenario[],
  contenders: readonly Contender[],
  options: Options,
): Promise<ScenarioResult[]> {
  const taking = scenarios.map((scenario) => contenders.filter((one) => one.declines?.(scenario) === undefined))
  const progress = startProgress(taking.flat().length * (options.rounds + 1))
  const origin = await startOrigin()
  try {
    const results: ScenarioResult[] = []
    for (const [i, scenario] of scenarios.entries()) {
      results.push(await runOne(scenario, taking[i] ?? [], contenders, options, origin.port('origin'), progress))
    }
    return results
  } finally {
    progress.end()
    await origin.stop()
  }
}

async function runOne(
  scenario: BenchScenario,
  taking: readonly Contender[],
  all: readonly Contender[],
  options: Options,
  originPort: number,
  progress: Progress,
): Promise<ScenarioResult> {
  const standings = await contest(scenario, taking, REFERENCE, {
    ...options,
    originPort,
    progress: (text) => progress.step(text),
  })
  const absent = all.flatMap((one) => {
    const why = one.declines?.(scenario)
    return why === undefined ? [] : [{ contender: one.name, why }]
  })
  const { name, tells, connections = options.connections } = scenario
  return { scenario: name, tells, connections, standings, absent }
}

function report(result: BenchResult): void {
  console.log(`${runText(result)}\n${versionsText(result)}\n`)
  for (const line of tableLines(resultRows(result))) console.log(line)
  mkdirSync(REPORTS, { recursive: true })
  writeFileSync(join(REPORTS, 'bench.json'), JSON.stringify(result, null, 2))
  writeFileSync(join(REPORTS, 'bench.md'), summary(result))
  writeFileSync(join(REPORTS, 'bench.html'), html(result))
  console.log('\nreports/bench.json, reports/bench.md, reports/bench.html')
}
