// A zone that is flooded with keys: who is throttled stays so, nobody else is refused, and no memory grows.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const PER_CONNECTION = 500
const STATUS = /HTTP\/1\.1 (\d+)/g

/** One request for each key, pipelined on one connection; how often which status came back. */
async function flood(sluice: ServerProcess, prefix: string): Promise<Record<string, number>> {
  const client = await Client.connect(sluice.port('a'))
  const get = (i: number, rest = ''): string => `GET /x?k=${prefix}-${i} HTTP/1.1\r\nHost: a\r\n${rest}\r\n`
  const last = PER_CONNECTION - 1
  client.send(Array.from({ length: last }, (_, i) => get(i)).join('') + get(last, 'Connection: close\r\n'))
  await waitFor('the end of a flood', () => client.ended, 60_000)
  client.destroy()
  const counts: Record<string, number> = {}
  for (const [, status = ''] of client.received.matchAll(STATUS)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** Resident memory of all workers, in bytes; the zone included. */
function residentBytes(sluice: ServerProcess): number {
  const pages = sluice.workers().map(({ pid }) => Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]))
  return pages.reduce((sum, n) => sum + n * 4096, 0)
}

describe.skipIf(STORIES_OF_NGINX)('a zone flooded with random keys', () => {
  test('keeps the throttled client throttled, refuses nobody else, and stays as large as it is', async () => {
    const sluice = await startSluice({
      files: { 'html/x': 'in' },
      workers: 2,
      logLevel: 'warn',
      http: `
        keepalive_requests ${PER_CONNECTION + 1};
        limit_req_zone $arg_k zone=one:32k rate=1r/m;
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location / { root %%DIR%%/html; limit_req zone=one burst=3 nodelay; limit_req_log_level info; }
        }`,
    })
    const throttled = async (): Promise<number> => (await ask(sluice.port('a'), getOnce('/x?k=greedy'))).status
    for (let i = 0; i < 4; i++) expect(await throttled()).toBe(200)
    expect(await throttled()).toBe(503)

    // About 200 keys fit.
    let before = 0
    for (let round = 0; round < 30; round++) {
      const counts = await Promise.all([flood(sluice, `a${round}`), flood(sluice, `b${round}`)])
      expect(counts).toEqual([{ 200: PER_CONNECTION }, { 200: PER_CONNECTION }])
      // Not in each round: who is asked for again would be remembered for that alone.
      if (round % 10 === 9) expect(await throttled()).toBe(503)
      if (round === 9) before = residentBytes(sluice)
    }
    expect(residentBytes(sluice) - before).toBeLessThan(48 * 1024 * 1024)
    expect(sluice.log()).not.toContain('could not allocate node')
  })
})
