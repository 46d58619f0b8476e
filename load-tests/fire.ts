// Autocannon as a function: fires at a server and returns counts by status, latencies, and the time it took.

import autocannon from 'autocannon'

export interface FireOptions {
  readonly url: string
  readonly connections: number
  /** Either for so long ... */
  readonly seconds?: number
  /** ... or so many requests in all. */
  readonly amount?: number
  /** Targets, asked in turn by every connection; default: the url's own. */
  readonly targets?: readonly string[]
  /** Or a target made for each request. */
  readonly nextTarget?: () => string
  /** Called for every answer, with the one of `targets` it belongs to. */
  readonly onAnswer?: (status: number, target: string) => void
}

export interface Fired {
  readonly statuses: ReadonlyMap<number, number>
  readonly errors: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** From the first answer to the last one. */
  readonly seconds: number
  /** When each answer of status 200 came, in milliseconds after the first answer of all, in order. */
  readonly passedAtMs: readonly number[]
}

/** Runs one load. Rejects only when autocannon itself fails; broken connections are counted. */
export async function fire(options: FireOptions): Promise<Fired> {
  const latencies: number[] = []
  const statuses = new Map<number, number>()
  const passedAtMs: number[] = []
  let firstAnswer: number | undefined
  let lastAnswer = 0
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url: options.url,
        connections: options.connections,
        timeout: 60,
        ...(options.amount === undefined ? { duration: options.seconds ?? 5 } : { amount: options.amount }),
        requests: requestsOf(options),
      },
      (error: unknown, done) => (error ? reject(error as Error) : resolve(done)),
    )
    instance.on('response', (_client, status, _bytes, tookMs) => {
      lastAnswer = performance.now()
      firstAnswer ??= lastAnswer
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      latencies.push(tookMs)
      if (status === 200) passedAtMs.push(lastAnswer - firstAnswer)
    })
  })
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return {
    statuses,
    errors: result.errors + result.timeouts,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    seconds: (lastAnswer - (firstAnswer ?? 0)) / 1000,
    passedAtMs,
  }
}

function requestsOf({ targets = [''], nextTarget, onAnswer }: FireOptions): autocannon.Request[] {
  if (nextTarget !== undefined) return [{ setupRequest: (request) => ({ ...request, path: nextTarget() }) }]
  return targets.map((target) => ({
    ...(target === '' ? {} : { path: target }),
    onResponse: (status: number) => onAnswer?.(status, target),
  }))
}

/** Columns of a table row that come straight from a load. */
export function columns(fired: Fired): {
  requests: number
  passed: number
  refused: number
  errors: number
  p50: number
  p99: number
  max: number
} {
  const passed = fired.statuses.get(200) ?? 0
  const requests = [...fired.statuses.values()].reduce((sum, count) => sum + count, 0)
  const { errors, p50, p99, max } = fired
  return { requests, passed, refused: fired.statuses.get(503) ?? 0, errors, p50, p99, max }
}
