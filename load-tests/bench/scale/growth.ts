// How the cost of a request grows along an axis: all sizes of sluice and nginx at once, loaded in turn, round by round.

import type { Running } from '../contenders/contender.ts'
import { startWithHttp } from '../contenders/nginx_language.ts'
import { type Load, measure, warmUp } from '../measure.ts'
import { median } from '../standing.ts'
import type { Axis } from './axis.ts'

export type Which = 'sluice' | 'nginx'

export interface GrowthOptions {
  readonly rounds: number
  readonly seconds: number
  readonly progress: (text: string) => void
}

export interface Growth {
  readonly axis: string
  readonly size: number
  readonly which: Which
  /** CPU per request in µs, median of the rounds. */
  readonly cpuUs: number
  /** To the smallest size of the same round, median. */
  readonly times: number
  readonly residentMb: number
}

/** How often `progress` will be called for an axis. */
export function stepsOf(axis: Axis, rounds: number): number {
  return axis.sizes.length * 2 * (rounds + 1)
}

export async function growthAlong(axis: Axis, options: GrowthOptions): Promise<Growth[]> {
  const cases = (['sluice', 'nginx'] as const).flatMap((which) => axis.sizes.map((size) => ({ which, size })))
  const running: Running[] = []
  try {
    for (const { which, size } of cases) {
      running.push(await startWithHttp(which, { http: axis.http(size), files: axis.files ?? {} }))
    }
    const samples: { cpuUs: number; residentMb: number }[][] = cases.map(() => [])
    for (let round = 0; round <= options.rounds; round++) {
      for (const [i, proxy] of running.entries()) {
        const { which, size } = cases[i] as (typeof cases)[number]
        options.progress(`${axis.name}: ${which} with ${size}, ${round === 0 ? 'warm-up' : `round ${round}`}`)
        const load: Load = { target: '/', headers: {}, connections: 32, status: 200, ...axis.load(size) }
        if (round > 0) samples[i]?.push(await measure(proxy, load, options.seconds))
        else await warmUp(proxy, load, { seconds: options.seconds, requests: 15_000, mostSeconds: 4 * options.seconds })
      }
    }
    return cases.map(({ which, size }, i) => {
      const own = samples[i] ?? []
      const smallest = samples[cases.findIndex((one) => one.which === which)] ?? []
      return {
        axis: axis.name,
        size,
        which,
        cpuUs: median(own.map((one) => one.cpuUs)),
        times: median(own.map((one, n) => one.cpuUs / (smallest[n]?.cpuUs ?? Number.NaN))),
        residentMb: median(own.map((one) => one.residentMb)),
      }
    })
  } finally {
    await Promise.all(running.map((one) => one.stop()))
  }
}
