// What a load scenario is: a configuration, a load, and what must come out. One small file each in scenarios/.

import type { ServerProcess } from '../test/harness/server_process.ts'

/**
 * For servers under load: no access log, no line for each refusal, and connections that stay (autocannon does not look at
 * `Connection: close`, it would count each as an error).
 */
export const QUIET = 'access_log off; error_log logs/error.log crit; keepalive_requests 1000000000;'

/** How long and how hard; from the command line. */
export interface LoadOptions {
  /** Length of a timed load. */
  readonly seconds: number
  readonly workers: number
  /** Where the amount and not the time makes it long: only as much as shows that it works. */
  readonly quick: boolean
}

/** One line of the table. A scenario may have several: one for each part that has an expectation of its own. */
export interface LoadRow {
  readonly what: string
  readonly requests: number
  readonly passed: number
  readonly refused: number
  /** Connections that broke and requests that timed out. */
  readonly errors: number
  /** Milliseconds at percentiles. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly expected: string
  readonly actual: string
  readonly holds: boolean
}

export interface LoadScenario {
  readonly name: string
  /** Body of the http block; listens on %%PORT:front%%. */
  readonly http: string
  readonly files?: Readonly<Record<string, string>>
  /** `[alert]` lines that belong to the scenario. */
  readonly expectAlerts?: readonly RegExp[]
  readonly run: (server: ServerProcess, options: LoadOptions) => Promise<LoadRow[]>
}

/**
 * How many requests a bucket admits over `seconds`: burst + 1 at once, then one for each 1/rate. The last one may fall on
 * either side of the edge of the window, hence the range. `edgeSeconds` is how well the window is known: an answer comes
 * later than its decision, which matters when several are admitted meanwhile.
 */
export function admitted(
  burst: number,
  ratePerSecond: number,
  seconds: number,
  edgeSeconds = 0,
): { least: number; most: number; text: string } {
  const exact = burst + 1 + Math.floor(ratePerSecond * seconds)
  const give = 1 + Math.floor(ratePerSecond * edgeSeconds)
  return { least: exact - give, most: exact + give, text: `${exact} ±${give}` }
}
