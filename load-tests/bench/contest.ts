// A contest: the same scenario to several proxies in turn, round by round, so that whatever the machine does meanwhile
// touches all of them alike.

import type { Contender, Running } from './contenders/contender.ts'
import { LOAD_CORE } from './cores.ts'
import { type BenchScenario, expectedStatus, headersOf, targetOf } from './scenario.ts'
import { type Sample, type Standing, standing } from './standing.ts'
import { cpuTimeOf, memoryOf } from './usage.ts'
import { wrk } from './wrk.ts'

export interface ContestOptions {
  readonly rounds: number
  /** Length of one sample. */
  readonly seconds: number
  /** Length of the load that each gets before the first round: V8 compiles, connections to the origin are made. */
  readonly warmUpSeconds: number
  readonly connections: number
  readonly originPort: number
  /** Called before each load. */
  readonly progress: (text: string) => void
}

/**
 * Runs a scenario for all contenders; ratios are to `reference`, if it is among them. Rejects when one of them cannot be
 * started or gives wrong answers, with its name in the message.
 */
export async function contest(
  scenario: BenchScenario,
  contenders: readonly Contender[],
  reference: Contender,
  options: ContestOptions,
): Promise<Standing[]> {
  const starts = await Promise.allSettled(contenders.map((one) => one.start(scenario, options.originPort)))
  const running = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    const samples: Sample[][] = contenders.map(() => [])
    for (let round = 0; round <= options.rounds; round++) {
      for (const [i, proxy] of running.entries()) {
        const warmsUp = round === 0
        const what = `${scenario.name}: ${contenders[i]?.name}`
        options.progress(`${what}, ${warmsUp ? 'warm-up' : `round ${round} of ${options.rounds}`}`)
        const one = await sample(proxy, scenario, warmsUp ? options.warmUpSeconds : options.seconds, options).catch(
          (error: Error) => Promise.reject(new Error(`${what}: ${error.message}`, { cause: error })),
        )
        if (!warmsUp) samples[i]?.push(one)
      }
    }
    const ofReference = samples[contenders.indexOf(reference)] ?? []
    return contenders.map(({ name }, i) => standing(name, samples[i] ?? [], ofReference))
  } finally {
    await Promise.all(running.map((proxy) => proxy.stop()))
  }
}

/** One load on one proxy. Throws when the answers are not what the scenario is about. */
async function sample(
  proxy: Running,
  scenario: BenchScenario,
  seconds: number,
  options: ContestOptions,
): Promise<Sample> {
  const before = cpuTimeOf(proxy.pid)
  const startedMs = performance.now()
  const result = await wrk({
    url: `http://127.0.0.1:${proxy.port}${targetOf(scenario)}`,
    headers: headersOf(scenario),
    connections: scenario.connections ?? options.connections,
    seconds,
    core: LOAD_CORE,
    ...(scenario.requestBytes === undefined ? {} : { bodyBytes: scenario.requestBytes }),
  })
  const wallUs = (performance.now() - startedMs) * 1000
  const after = cpuTimeOf(proxy.pid)
  const status = expectedStatus(scenario)
  const asExpected = status < 400 ? result.requests - result.otherStatus : result.otherStatus
  if (asExpected < result.requests * 0.999 - 2) {
    throw new Error(`only ${asExpected} of ${result.requests} answers had status ${status}`)
  }
  if (result.socketErrors > result.requests / 1000) {
    throw new Error(`${result.socketErrors} socket errors in ${result.requests} requests`)
  }
  const userUs = (after.userUs - before.userUs) / result.requests
  const systemUs = (after.systemUs - before.systemUs) / result.requests
  const { perSecond, p50Ms, p99Ms, p999Ms } = result
  const { residentMb, proportionalMb, v8Mb = Number.NaN } = memoryOf(proxy.servingPid, proxy.probeDir)
  const cpuUs = userUs + systemUs
  const busy = (cpuUs * result.requests) / wallUs
  return { cpuUs, userUs, systemUs, perSecond, p50Ms, p99Ms, p999Ms, busy, residentMb, proportionalMb, v8Mb }
}
