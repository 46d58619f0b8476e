// `npm run bench:middleware [-- --quick] [-- --check]`: what a limit as middleware of Express costs for each request that
// passes, beside express-rate-limit and rate-limiter-flexible. Requests and responses are Express's own, without sockets;
// what making them and calling an empty middleware costs is taken off. One request after the other, all contestants in turn
// in every round. --quick: a few rounds, and only those that count in the process itself. With --check it fails when the
// bound that we promise does not hold.

import cluster from 'node:cluster'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { RateLimiterClusterMaster } from 'rate-limiter-flexible'
import { startRedis } from './decision/redis.ts'
import { median } from './decision/two_processes.ts'
import { type Contestant, contestants, NOBODY, passes } from './middleware/contestants.ts'
import { clientAddresses, makeRequest } from './middleware/requests.ts'
import { tableLines } from './table.ts'

const BOUND = 0.4
const CLIENTS = 1000
const TICK_US = 10_000

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 9 : 31))
const addresses = clientAddresses(CLIENTS)

if (cluster.isPrimary) {
  // Counts for rate-limiter-flexible's cluster; all else is measured in the worker.
  new RateLimiterClusterMaster()
  const worker = cluster.fork()
  worker.on('exit', (code) => (process.exitCode = code))
} else {
  await measure()
  process.exit()
}

interface Sample {
  readonly cpuUs: number
  readonly helperUs: number
  readonly wallUs: number
}

/** CPU time of another process, in steps of a hundredth of a second. */
function helperCpuUs(pid: number | undefined): number {
  if (pid === undefined) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** One round, per request. */
async function sample({ middleware, count, helper }: Contestant): Promise<Sample> {
  const wall = performance.now()
  const helped = helperCpuUs(helper)
  const cpu = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    const { request, response } = makeRequest(addresses[i % CLIENTS] as string)
    await passes(middleware, request, response)
  }
  const { user, system } = process.cpuUsage(cpu)
  return {
    cpuUs: (user + system) / count,
    helperUs: (helperCpuUs(helper) - helped) / count,
    wallUs: ((performance.now() - wall) * 1000) / count,
  }
}

async function measure(): Promise<void> {
  const dir = mkdtempSync('/dev/shm/sluice-bench-')
  const redis = values.quick ? undefined : await startRedis()
  const all = [NOBODY, ...contestants(dir, values.quick ? undefined : process.ppid, redis)]
  const samples = all.map((): Sample[] => [])
  // The first two rounds compile.
  for (let round = -2; round < rounds; round++) {
    for (const [i, contestant] of all.entries()) {
      const taken = await sample(contestant)
      if (round >= 0) samples[i]?.push(taken)
    }
  }
  for (const contestant of all) await contestant.stop()
  await redis?.stop()
  rmSync(dir, { recursive: true })
  report(all, samples)
}

function report(all: readonly Contestant[], samples: readonly Sample[][]): void {
  const of = (i: number, what: keyof Sample) => (samples[i] ?? []).map((taken) => taken[what])
  const empty = { cpuUs: median(of(0, 'cpuUs')), wallUs: median(of(0, 'wallUs')) }
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
  const figures = all.map(({ name }, i) => ({
    name,
    cpuUs: median(of(i, 'cpuUs')) - empty.cpuUs,
    // Too coarse for a median.
    helperUs: mean(of(i, 'helperUs')),
    wallUs: median(of(i, 'wallUs')) - empty.wallUs,
  }))
  const expressUs = figures.find(({ name }) => name === 'express-rate-limit, memory')?.cpuUs ?? 0
  const round = (n: number, digits: number) => Number(n.toFixed(digits))
  console.log(
    `medians of ${rounds} rounds, ${CLIENTS} clients, ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
  )
  console.log(`\nOne request, in µs beyond those ${round(empty.cpuUs, 2)} that it costs without a limiter:\n`)
  for (const line of tableLines([
    ['', 'CPU', 'CPU of its helper', 'time', "CPU over express-rate-limit's"],
    ...figures.slice(1).map(({ name, cpuUs, helperUs, wallUs }) => {
      const ratio = round((cpuUs + helperUs) / expressUs, 2)
      return [name, round(cpuUs, 2), round(helperUs, 2), round(wallUs, 2), ratio]
    }),
  ])) {
    console.log(line)
  }
  const ratio = (figures[1]?.cpuUs ?? 0) / expressUs
  const holds = ratio <= BOUND
  console.log(`\nat most ${BOUND} of express-rate-limit's: ${round(ratio, 2)}, ${holds ? 'holds' : 'DOES NOT HOLD'}`)
  if (values.check && !holds) process.exitCode = 1
}
