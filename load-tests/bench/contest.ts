// A contest: the same scenario to several proxies in turn, round by round, so that whatever the machine does meanwhile
// touches all of them alike.

import type { Contender } from './contenders/contender.ts'
import { type Load, measure, type WarmUp, warmUp } from './measure.ts'
import { type BenchScenario, expectedStatus, headersOf, targetOf } from './scenario.ts'
import { type Sample, type Standing, standing } from './standing.ts'

export interface ContestOptions {
  readonly rounds: number
  /** Length of one sample. */
  readonly seconds: number
  readonly warmUp: WarmUp
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
    const load = loadOf(scenario, options.connections)
    const samples: Sample[][] = contenders.map(() => [])
    for (let round = 0; round <= options.rounds; round++) {
      for (const [i, proxy] of running.entries()) {
        const what = `${scenario.name}: ${contenders[i]?.name}`
        options.progress(`${what}, ${round === 0 ? 'warm-up' : `round ${round} of ${options.rounds}`}`)
        try {
          if (round === 0) await warmUp(proxy, load, options.warmUp)
          else samples[i]?.push(await measure(proxy, load, options.seconds))
        } catch (error) {
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
        }
      }
    }
    const ofReference = samples[contenders.indexOf(reference)] ?? []
    return contenders.map(({ name }, i) => standing(name, samples[i] ?? [], ofReference))
  } finally {
    await Promise.all(running.map((proxy) => proxy.stop()))
  }
}

function loadOf(scenario: BenchScenario, connections: number): Load {
  return {
    target: targetOf(scenario),
    headers: headersOf(scenario),
    connections: scenario.connections ?? connections,
    status: expectedStatus(scenario),
    ...(scenario.requestBytes === undefined ? {} : { bodyBytes: scenario.requestBytes }),
  }
}
