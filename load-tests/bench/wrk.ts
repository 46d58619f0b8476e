// wrk as a function: hammers a URL from one core and returns what it counted.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface WrkOptions {
  readonly url: string
  readonly headers: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** Core that wrk is pinned to. */
  readonly core: number
}

export interface WrkResult {
  readonly requests: number
  readonly perSecond: number
  /** Answers other than 2xx and 3xx. */
  readonly otherStatus: number
  readonly socketErrors: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** One run. Rejects when wrk cannot be started. */
export async function wrk(options: WrkOptions): Promise<WrkResult> {
  const headers = options.headers.flatMap((line) => ['-H', line])
  const load = ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '--latency']
  const { stdout } = await run('taskset', ['-c', String(options.core), 'wrk', ...load, ...headers, options.url])
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)
  return {
    requests: number(/(\d+) requests in/),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    otherStatus: number(/Non-2xx or 3xx responses: (\d+)/),
    socketErrors: (errors?.slice(1) ?? []).reduce((sum, text) => sum + Number(text), 0),
    p50Ms: percentile(stdout, '50%'),
    p99Ms: percentile(stdout, '99%'),
  }
}

function percentile(text: string, label: string): number {
  const [, value = '0', unit = 'ms'] = new RegExp(`^\\s+${label}\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(text) ?? []
  return Number(value) * (UNIT_MS[unit] ?? 1)
}
