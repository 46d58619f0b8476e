// What more workers bring: requests per second, CPU per request, and how evenly 64 connections are spread over them. The
// workers share all cores that load and origin leave: with more workers than those, throughput cannot grow.

import { childrenOf } from '../../../test/harness/processes.ts'
import { startWithHttp } from '../contenders/nginx_language.ts'
import { WORKER_CORES } from '../cores.ts'
import { type Load, measure, warmUp } from '../measure.ts'
import { median } from '../standing.ts'
import { cpuTimeOf } from '../usage.ts'
import { frontServer } from './axis.ts'
import type { GrowthOptions, Which } from './growth.ts'

export const WORKER_COUNTS = [1, 2, 4] as const

const CONNECTIONS = 64

export interface WorkerScale {
  readonly which: Which
  readonly workers: number
  readonly perSecond: number
  readonly cpuUs: number
  /** CPU time of the busiest worker over the mean of all. */
  readonly busiest: number
}

export async function scaleOfWorkers(options: GrowthOptions): Promise<WorkerScale[]> {
  const http = `
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
    ${frontServer('root %%DIR%%/html; limit_req zone=one;')}`
  const load: Load = { target: '/x', headers: {}, connections: CONNECTIONS, status: 503 }
  const results: WorkerScale[] = []
  for (const which of ['sluice', 'nginx'] as const) {
    for (const workers of WORKER_COUNTS) {
      const cores = WORKER_CORES.join(',')
      const proxy = await startWithHttp(which, { http, workers, cores, logLevel: 'crit', files: { 'html/x': 'ok' } })
      const samples: Omit<WorkerScale, 'which' | 'workers'>[] = []
      try {
        options.progress(`${workers} workers: ${which}, warm-up`)
        await warmUp(proxy, load, {
          seconds: options.seconds,
          requests: 15_000 * workers,
          mostSeconds: 8 * options.seconds,
        })
        for (let round = 1; round <= options.rounds; round++) {
          options.progress(`${workers} workers: ${which}, round ${round}`)
          const pids = childrenOf(proxy.pid).map(({ pid }) => pid)
          const before = pids.map((pid) => cpuTimeOf(pid).totalUs)
          const { perSecond, cpuUs } = await measure(proxy, load, options.seconds)
          const spent = pids.map((pid, i) => cpuTimeOf(pid).totalUs - (before[i] ?? 0))
          const mean = spent.reduce((sum, one) => sum + one, 0) / spent.length
          samples.push({ perSecond, cpuUs, busiest: Math.max(...spent) / mean })
        }
      } finally {
        await proxy.stop()
      }
      const of = (pick: (one: (typeof samples)[number]) => number) => median(samples.map(pick))
      const figures = { perSecond: of((one) => one.perSecond), cpuUs: of((one) => one.cpuUs) }
      results.push({ which, workers, ...figures, busiest: of((one) => one.busiest) })
    }
  }
  return results
}
