// A hundred reloads under a load of all kinds: no request fails, limits stay exact, and from the tenth reload on the
// descriptors are the same and memory grows no more.

import { type Holdings, holdings, reloadOnce } from '../../test/harness/generations.ts'
import { COUNTED, type MixedCounts, MixedLoad, mixedHttp } from '../../test/harness/mixed_load.ts'
import type { ServerProcess } from '../../test/harness/server_process.ts'
import type { LoadRow, LoadScenario } from '../scenario.ts'

const RELOADS = 100
const QUICK_RELOADS = 10
/** Heaps are of different size from one moment to the next; what a hundred generations leave behind would be more. */
const MEMORY_SLACK = 1.15

const MB = 2 ** 20

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function requestsRow(counts: MixedCounts): LoadRow {
  const sorted = [...counts.latencies].sort((a, b) => a - b)
  const { burst, ratePerSecond } = COUNTED
  const [least, most] = counts.seconds.map((seconds) => burst + 1 + Math.floor(ratePerSecond * seconds)) as [
    number,
    number,
  ]
  const requests = Object.values(counts.answers).reduce((sum, count) => sum + count, 0)
  for (const failure of counts.failures) process.stderr.write(`${failure}\n`)
  return {
    what: 'requests',
    requests,
    passed: requests - counts.refused,
    refused: counts.refused,
    errors: counts.failures.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
    expected: `${most} ±1, no failure`,
    actual: `${counts.admitted}`,
    holds: counts.failures.length === 0 && counts.admitted >= least - 1 && counts.admitted <= most + 1,
  }
}

const NO_REQUESTS = { requests: 0, passed: 0, refused: 0, errors: 0, p50: 0, p99: 0, max: 0 }

function megabytes(holding: Holdings, of: 'masterRss' | 'workersRss'): string {
  return `${Math.round(holding[of] / MB)} MB`
}

function memoryRow(what: string, of: 'masterRss' | 'workersRss', samples: readonly Holdings[]): LoadRow {
  const [first, last] = [samples[0]!, samples.at(-1)!]
  const all = samples.map((sample) => Math.round(sample[of] / MB)).join(' ')
  process.stderr.write(`${what}, MB: ${all}\n`)
  return {
    what,
    ...NO_REQUESTS,
    expected: `as after the first: ${megabytes(first, of)}`,
    actual: megabytes(last, of),
    holds: last[of] <= first[of] * MEMORY_SLACK,
  }
}

function descriptorsRow(samples: readonly Holdings[]): LoadRow {
  const texts = new Set(samples.map(({ master, workerFiles }) => `${master} ${workerFiles}`))
  return {
    what: 'descriptors',
    ...NO_REQUESTS,
    expected: 'the same each time',
    actual: texts.size === 1 ? 'the same' : [...texts].join(' | '),
    holds: texts.size === 1,
  }
}

async function run(server: ServerProcess, { quick, workers }: { quick: boolean; workers: number }): Promise<LoadRow[]> {
  const reloads = quick ? QUICK_RELOADS : RELOADS
  const load = await MixedLoad.start(server)
  const samples: Holdings[] = []
  for (let round = 1; round <= reloads; round++) {
    await reloadOnce(server)
    if (round % (reloads / 10) === 0) samples.push(await holdings(server, workers))
  }
  const counts = await load.stop()
  return [
    requestsRow(counts),
    descriptorsRow(samples),
    memoryRow('memory of the master', 'masterRss', samples),
    memoryRow('memory of the workers', 'workersRss', samples),
  ]
}

export const reloads: LoadScenario = { name: 'reloads', http: mixedHttp(), run }
