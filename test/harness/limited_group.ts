// What must hold for four processes of limited_app.mjs, however they were started, under autocannon.

import autocannon from 'autocannon'
import { expect } from 'vitest'
import { openZone } from '../../src/limiter/index.ts'
import { ask } from './client.ts'
import { getOnce } from './http_text.ts'
import { waitFor } from './wait_for.ts'

export type FrameworkName = 'express' | 'fastify' | 'koa'

export const FRAMEWORKS: readonly FrameworkName[] = ['express', 'fastify', 'koa']
const PROCESSES = 4
const LOAD_SECONDS = 3
const RATE_PER_SECOND = 20
/** Nothing earned is lost while the machine stands still, if it does. */
const BURST = LOAD_SECONDS * RATE_PER_SECOND - 1
const CONNECTIONS = 16

/** Environment of the processes. */
export function groupEnv(framework: FrameworkName, port: number, dir: string): Record<string, string> {
  const limit = { rate: `${RATE_PER_SECOND}r/s`, burst: BURST, key: undefined }
  return { FRAMEWORK: framework, PORT: `${port}`, ZONE_DIR: dir, LIMIT: JSON.stringify(limit) }
}

/** Waits until all of them answer; their pids. */
export async function groupPids(port: number): Promise<readonly number[]> {
  const pids = new Set<number>()
  await waitFor(
    'four processes',
    async () => {
      const pid = await ask(port, getOnce('/up')).then(
        (response) => response.header('x-pid'),
        () => undefined,
      )
      if (pid !== undefined) pids.add(Number(pid))
      return pids.size >= PROCESSES
    },
    50_000,
  )
  return [...pids]
}

interface Fired {
  readonly passed: number
  readonly refused: number
  /** How long the limit was asked: at least and at most, as decisions lie between asking and answer. */
  readonly seconds: readonly [least: number, most: number]
}

/** For so many seconds, or requests; one second after the start calls `meanwhile`. */
async function fire(
  url: string,
  length: { readonly duration: number } | { readonly amount: number },
  meanwhile: () => void = () => undefined,
): Promise<Fired> {
  const statuses = new Map<number, number>()
  const startedMs = monotonicMs()
  let firstAnswerMs = Number.POSITIVE_INFINITY
  /** Until then nothing that was earned is left. */
  let lastRefusalMs = 0
  const timer = setTimeout(meanwhile, 1000)
  await autocannon({
    url,
    connections: CONNECTIONS,
    ...length,
    requests: [
      {
        onResponse: (status, _body, _context, headers) => {
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          firstAnswerMs = Math.min(firstAnswerMs, monotonicMs())
          const askedMs = Number((headers as Record<string, string>)['x-at-ms'])
          if (status === 429) lastRefusalMs = Math.max(lastRefusalMs, askedMs)
        },
      },
    ],
  })
  const endedMs = monotonicMs()
  clearTimeout(timer)
  const [passed = 0, refused = 0] = [statuses.get(200), statuses.get(429)]
  expect([...statuses.keys()].sort()).toEqual([200, 429])
  return { passed, refused, seconds: [(lastRefusalMs - firstAnswerMs) / 1000, (endedMs - startedMs) / 1000] }
}

/** As limited_app.mjs has it: one clock for all processes of the machine. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/**
 * The limit of sluice is one, also when a process is killed meanwhile. Answers that its death or the end of the load cut off
 * were admitted, too: the zone knows of them.
 */
export async function expectOneLimit(port: number, pids: readonly number[], dir: string): Promise<void> {
  const zone = openZone('cluster', { dir })
  const before = zone.stats().passed
  const { passed, refused, seconds } = await fire(`http://127.0.0.1:${port}/`, { duration: LOAD_SECONDS }, () => {
    process.kill(pids[0] as number, 'SIGKILL')
  })
  const admitted = zone.stats().passed - before
  zone.close()
  const [least, most] = seconds.map((time) => BURST + 1 + Math.floor(RATE_PER_SECOND * time)) as [number, number]
  expect(passed, `${seconds} s`).toBeLessThanOrEqual(most)
  expect(admitted, `${seconds} s`).toBeGreaterThanOrEqual(least - 1)
  // The death and the end each cut off at most one answer of a connection.
  expect(admitted - passed).toBeLessThanOrEqual(2 * CONNECTIONS)
  expect(refused).toBeGreaterThan(0)
}

/** Those in memory are four: each process has a quarter of the connections, and every connection asks enough for a limit. */
export async function expectLimitForEach(port: number): Promise<void> {
  const { passed } = await fire(`http://127.0.0.1:${port}/memory`, { amount: CONNECTIONS * 2 * (BURST + 1) })
  expect(passed).toBe(PROCESSES * (BURST + 1))
}
