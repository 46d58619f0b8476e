// A contest: the same scenario to several proxies in turn, round by round, so that whatever the machine does meanwhile
// touches all of them alike. Figures of one proxy are medians over the rounds; ratios are medians of each round's ratio.

import { NGINX_PRELUDE, nginxCommand, SLUICE_COMMAND } from '../../test/harness/commands.ts'
import { wholeConf } from '../../test/harness/conf_text.ts'
import { processStat, residentBytes } from '../../test/harness/processes.ts'
import { ServerProcess } from '../../test/harness/server_process.ts'
import type { BenchScenario } from './scenario.ts'
import { wrk } from './wrk.ts'

/** The proxy has a core of its own; load and origin share the other one. */
const PROXY_CORE = 0
const LOAD_CORE = 1
/** /proc counts CPU time in ticks of 1/100 s. */
const TICK_US = 10_000

export interface Contender {
  readonly name: string
  readonly command: readonly string[]
  readonly prelude: string
}

export const SLUICE: Contender = { name: 'sluice', command: SLUICE_COMMAND, prelude: '' }
/** The one that ratios are against. */
export const NGINX_PEER: Contender = { name: 'nginx', command: nginxCommand(), prelude: NGINX_PRELUDE }

export interface ContestOptions {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
}

/** One proxy's figures in one round. */
export interface Sample {
  /** User and system time of the worker over its answers, in µs. */
  readonly cpuUs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Resident memory of the worker at the end of the round. */
  readonly residentMb: number
}

export interface Standing {
  readonly contender: string
  readonly median: Sample
  /** CPU per request against the reference: median, least and most of the rounds. */
  readonly ratio: number
  readonly leastRatio: number
  readonly mostRatio: number
  readonly samples: readonly Sample[]
}

function pinned(core: number, command: readonly string[]): string[] {
  return ['taskset', '-c', String(core), ...command]
}

/** nginx answering at once: an origin that costs next to nothing. */
export function startOrigin(): Promise<ServerProcess> {
  const http = `server {
    listen 127.0.0.1:%%PORT:origin%%;
    access_log off;
    keepalive_requests 1000000000;
    location / { return 200 "${'x'.repeat(100)}"; }
  }`
  const conf = wholeConf({ http, prelude: NGINX_PRELUDE, logLevel: 'crit' })
  return ServerProcess.start({ command: pinned(LOAD_CORE, nginxCommand()), conf })
}

/** Runs a scenario for all contenders; the last of them is the reference of the ratios. */
export async function contest(
  scenario: BenchScenario,
  contenders: readonly Contender[],
  originPort: number,
  options: ContestOptions,
  progress: (text: string) => void,
): Promise<Standing[]> {
  const servers: ServerProcess[] = []
  try {
    for (const { command, prelude } of contenders) {
      const conf = wholeConf({ http: scenario.http, prelude, logLevel: scenario.logLevel })
      servers.push(
        await ServerProcess.start({ command: pinned(PROXY_CORE, command), conf, ports: { origin: originPort } }),
      )
    }
    // Warm up: V8 compiles what is hot, connections to the origin are made.
    for (const server of servers) await sample(server, scenario, { ...options, seconds: Math.max(2, options.seconds) })
    const samples: Sample[][] = contenders.map(() => [])
    for (let round = 1; round <= options.rounds; round++) {
      for (const [i, server] of servers.entries()) {
        progress(`${scenario.name}: round ${round} of ${options.rounds}, ${contenders[i]?.name}`)
        samples[i]?.push(await sample(server, scenario, options))
      }
    }
    return contenders.map(({ name }, i) => standing(name, samples[i] ?? [], samples.at(-1) ?? []))
  } finally {
    for (const server of servers) await server.stop()
  }
}

async function sample(server: ServerProcess, scenario: BenchScenario, options: ContestOptions): Promise<Sample> {
  const pid = server.workers()[0]?.pid ?? 0
  const before = cpuTicks(pid)
  const result = await wrk({
    url: server.url('front', scenario.target),
    headers: scenario.headers,
    connections: options.connections,
    seconds: options.seconds,
    core: LOAD_CORE,
  })
  const ticks = cpuTicks(pid) - before
  const asExpected = scenario.status < 400 ? result.requests - result.otherStatus : result.otherStatus
  if (asExpected < result.requests * 0.999) {
    throw new Error(`${scenario.name}: only ${asExpected} of ${result.requests} answers had status ${scenario.status}`)
  }
  if (result.socketErrors > 0) throw new Error(`${scenario.name}: ${result.socketErrors} socket errors`)
  return {
    cpuUs: (ticks * TICK_US) / result.requests,
    perSecond: result.perSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    residentMb: residentBytes(pid) / 1024 / 1024,
  }
}

function cpuTicks(pid: number): number {
  const stat = processStat(pid)
  if (stat === undefined) throw new Error('the worker is gone')
  return stat.userTicks + stat.systemTicks
}

function standing(contender: string, samples: readonly Sample[], reference: readonly Sample[]): Standing {
  const ratios = samples.map((one, i) => one.cpuUs / (reference[i]?.cpuUs ?? Number.NaN))
  const of = (pick: (one: Sample) => number) => median(samples.map(pick))
  return {
    contender,
    median: {
      cpuUs: of((one) => one.cpuUs),
      perSecond: of((one) => one.perSecond),
      p50Ms: of((one) => one.p50Ms),
      p99Ms: of((one) => one.p99Ms),
      residentMb: of((one) => one.residentMb),
    },
    ratio: median(ratios),
    leastRatio: Math.min(...ratios),
    mostRatio: Math.max(...ratios),
    samples,
  }
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}
