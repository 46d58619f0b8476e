// `npm run bench -- scale [--quick] [--only TEXT]`: how the cost of a request grows with what is configured, and what more
// workers bring, beside nginx. Prints two tables and leaves the figures in reports/scale.json.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../../test/harness/commands.ts'
import { tableLines } from '../table.ts'
import { WORKER_CORES } from './cores.ts'
import { startProgress } from './progress.ts'
import { figure, machineText } from './report/result.ts'
import { AXES } from './scale/axes/index.ts'
import { type Growth, growthAlong, stepsOf } from './scale/growth.ts'
import { scaleOfWorkers, WORKER_COUNTS, type WorkerScale } from './scale/workers.ts'

const WORKERS_AXIS = 'workers'

/** Runs the command. It has no verdict: always true. */
export async function scale(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
  })
  const rounds = values.quick ? 1 : 3
  const axes = AXES.filter(({ name }) => name.includes(values.only))
  const withWorkers = WORKERS_AXIS.includes(values.only)
  const workerSteps = withWorkers ? WORKER_COUNTS.length * 2 * (rounds + 1) : 0
  const progress = startProgress(axes.reduce((sum, axis) => sum + stepsOf(axis, rounds), workerSteps))
  const options = { rounds, seconds: values.quick ? 0.5 : 1, progress: (text: string) => progress.step(text) }
  const growth: Growth[] = []
  let workers: WorkerScale[] = []
  try {
    for (const axis of axes) growth.push(...(await growthAlong(axis, options)))
    if (withWorkers) workers = await scaleOfWorkers(options)
  } finally {
    progress.end()
  }
  console.log(`${machineText()}, Node ${process.version}; ${rounds} rounds of ${options.seconds} s, medians\n`)
  for (const line of tableLines(growthRows(growth))) console.log(line)
  if (withWorkers) {
    console.log(`\nrefusals on 64 connections; workers share ${WORKER_CORES.length} core(s)\n`)
    for (const line of tableLines(workerRows(workers))) console.log(line)
  }
  mkdirSync(join(PACKAGE_ROOT, 'reports'), { recursive: true })
  writeFileSync(join(PACKAGE_ROOT, 'reports/scale.json'), JSON.stringify({ growth, workers }, null, 2))
  return true
}

/** One line for each size, sluice and nginx beside each other. */
function growthRows(growth: readonly Growth[]): string[][] {
  const rows = growth
    .filter(({ which }) => which === 'sluice')
    .map((ours) => {
      const theirs = growth.find(
        ({ which, axis, size }) => which === 'nginx' && axis === ours.axis && size === ours.size,
      )
      const both = [ours, theirs].flatMap((one) => [
        figure(one?.cpuUs ?? Number.NaN, 1),
        figure(one?.times ?? Number.NaN, 2),
      ])
      return [ours.axis, String(ours.size), ...both, figure(ours.residentMb, 0)]
    })
  return [['axis', 'size', 'sluice µs', 'times', 'nginx µs', 'times', 'sluice MB'], ...rows]
}

function workerRows(workers: readonly WorkerScale[]): string[][] {
  const rows = workers.map(({ which, workers: count, perSecond, cpuUs, busiest }) => [
    which,
    String(count),
    figure(perSecond, 0),
    figure(cpuUs, 1),
    figure(busiest, 2),
  ])
  return [['proxy', 'workers', 'req/s', 'CPU µs', 'busiest/mean'], ...rows]
}
