// Timed parity: the same requests at the same times to sluice and to a real nginx, and of both the very excess that they
// logged, in thousandths of a request. When exactly a server decided is its own secret, and differs; but it lies between
// our sending and our receiving, on a clock that all of us share. So each history is replayed through the model, to which
// every millisecond of those is open: somewhere in there every verdict and every excess must come out, of nginx's history as
// of ours. A slow machine makes the windows wider, not the test wrong.

import { expect, test } from 'vitest'
import { addon } from '../../src/native/addon.ts'
import { elapsed, excessAfter, waitOf } from '../unit/native/limit_models.ts'
import { ask } from './client.ts'
import { NGINX } from './commands.ts'
import { getOnce } from './http_text.ts'
import { startNginx } from './nginx.ts'
import type { ServerProcess } from './server_process.ts'
import { startSluice } from './sluice.ts'
import { sleep } from './wait_for.ts'

/** One key under one limit, without delay= and nodelay: then every excess above 0 is logged. */
export interface Track {
  /** The location; the key is `$arg_k`, which each track has to itself. */
  readonly location: string
  /** Ticks per second, and ticks. */
  readonly rate: number
  readonly burst: number
  /** limit_req_dry_run: nobody waits. */
  readonly dryRun: boolean
  /** Milliseconds between a request and the next one, which is not sent before the answer. */
  readonly gaps: readonly number[]
}

interface Answer {
  readonly sentMs: number
  readonly receivedMs: number
  /** Of $limit_req_status, in the header X-Limit. */
  readonly verdict: string
}

/** nginx reads a coarse clock, which is behind by a tick of the kernel, once per turn of its loop. */
const CLOCK_BEHIND_MS = 12

/** Declares a test. `http` listens on %%PORT:front%% and adds X-Limit to every answer. */
export function timedParity(name: string, http: string, tracks: readonly Track[]): void {
  test.skipIf(NGINX === undefined)(`as nginx: ${name}`, { timeout: 120_000 }, async () => {
    const files = Object.fromEntries(tracks.map(({ location }) => [`html${location}`, location]))
    const servers = [await startNginx({ http, files }), await startSluice({ http, files })]
    const answers = await Promise.all(servers.map((server) => Promise.all(tracks.map((track) => run(server, track)))))
    const verdicts = new Set<string>()
    for (const [i, server] of servers.entries()) {
      await server.end()
      for (const [j, track] of tracks.entries()) {
        const history = answers[i]?.[j] ?? []
        for (const { verdict } of history) verdicts.add(verdict)
        replay(`${i === 0 ? 'nginx' : 'sluice'} at ${track.location}`, track, history, excesses(server, track))
      }
    }
    expect([...verdicts].sort()).toEqual(['DELAYED', 'DELAYED_DRY_RUN', 'PASSED', 'REJECTED', 'REJECTED_DRY_RUN'])
  })
}

async function run(server: ServerProcess, { location, gaps }: Track): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const [n, gap] of gaps.entries()) {
    // Time is the subject.
    if (gap > 0) await sleep(gap)
    const sentMs = addon.monotonicMs()
    const response = await ask(server.port('front'), getOnce(`${location}?k=${location}&n=${n}`), 60_000)
    const verdict = response.headers.find((header) => header.name.toLowerCase() === 'x-limit')?.value ?? 'none'
    answers.push({ sentMs, receivedMs: addon.monotonicMs(), verdict })
  }
  return answers
}

/** Logged excess in ticks by the number of the request. */
function excesses(server: ServerProcess, { location }: Track): Map<number, number> {
  const line = new RegExp(
    `(?:limiting|delaying) request.*, excess: (\\d+)\\.(\\d{3}),? by .*"GET ${location}\\?\\S*n=(\\d+) `,
  )
  return new Map(
    server.logLines(line).map((text) => {
      const [, whole = '', thousandths = '', n = ''] = line.exec(text) ?? []
      return [Number(n), Number(whole) * 1000 + Number(thousandths)]
    }),
  )
}

/** Follows every time of the last charge that the history so far allows; there must always be one. */
function replay(
  who: string,
  { rate, burst, dryRun }: Track,
  history: readonly Answer[],
  logged: ReadonlyMap<number, number>,
): void {
  const suffix = dryRun ? '_DRY_RUN' : ''
  let excess = 0
  let lasts: ReadonlySet<number> | undefined
  for (const [n, { sentMs, receivedMs, verdict }] of history.entries()) {
    const seen = logged.get(n) ?? 0
    expect(verdict, `${who}, request ${n}, excess ${seen}`).toBe(
      seen === 0 ? 'PASSED' : (seen > burst ? 'REJECTED' : 'DELAYED') + suffix,
    )
    const waitMs = verdict === 'DELAYED' ? waitOf(seen, 0, rate) : 0
    expect(receivedMs - sentMs, `${who}, request ${n} waits`).toBeGreaterThanOrEqual(waitMs - CLOCK_BEHIND_MS)
    const next = new Set<number>()
    for (let now = sentMs - CLOCK_BEHIND_MS; now <= receivedMs - waitMs + CLOCK_BEHIND_MS; now++) {
      if (lasts === undefined) next.add(now)
      for (const last of lasts ?? []) {
        if (excessAfter({ last, excess }, rate, now) !== seen) continue
        next.add(seen > burst || elapsed(now, last) === 0 ? last : now)
      }
    }
    const window = `between ${sentMs} and ${receivedMs}, last charge ${[...(lasts ?? [])].slice(0, 5)}..., excess ${excess}`
    expect(next.size, `${who}: times at which request ${n} has an excess of ${seen}, ${window}`).toBeGreaterThan(0)
    lasts = next
    if (seen <= burst) excess = seen
  }
}
