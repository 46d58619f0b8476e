// Requests that wait. Time is the subject here: bounds are wide to the late side, since a busy machine is late, and narrow
// to the early side, where a limit must never err.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, type HttpResponse, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { sleep } from '../harness/wait_for.ts'

let sluice: ServerProcess

beforeAll(async () => {
  sluice = await startSluice({
    scope: 'file',
    workers: 2,
    files: {
      'html/x': 'x\n',
      'html/slow': 's\n',
      'html/part': 'p\n',
      'html/dry': 'd\n',
      'html/pair': 'p\n',
      'html/level': 'l\n',
    },
    http: `
      root %%DIR%%/html;
      limit_req_zone $arg_k zone=five:1m rate=5r/s;
      limit_req_zone $arg_k zone=ten:1m rate=10r/s;
      limit_req_zone $arg_k zone=minute:1m rate=1r/m;
      log_format limits '$request_uri $status $limit_req_status $request_time';
      access_log %%DIR%%/logs/limits.log limits;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        add_header X-Limit $limit_req_status always;
        location /x { limit_req zone=five burst=5; }
        location /part { limit_req zone=five burst=5 delay=2; }
        location /slow { limit_req zone=minute burst=5; }
        location /dry { limit_req zone=minute burst=2; limit_req_dry_run on; }
        location /pair { limit_req zone=five burst=9; limit_req zone=ten burst=9; }
        location /level { limit_req zone=minute burst=1; limit_req_log_level notice; limit_req_dry_run on; }
      }`,
  })
})
afterAll(() => sluice.stop())

interface Timed {
  readonly response: HttpResponse
  readonly tookMs: number
}

async function timed(target: string): Promise<Timed> {
  const before = performance.now()
  const response = await ask(sluice.port('a'), getOnce(target))
  return { response, tookMs: performance.now() - before }
}

/** Sent at a time; sorted by how long they took. */
async function crowd(target: string, count: number): Promise<Timed[]> {
  const all = await Promise.all(Array.from({ length: count }, () => timed(target)))
  return all.sort((a, b) => a.tookMs - b.tookMs)
}

/** The rate's arithmetic is in whole milliseconds; a request may be early by the age of the clock it was charged by. */
const EARLY_MS = 15
const LATE_MS = 800

describe('burst without nodelay', () => {
  test('spaces requests by 1/rate and refuses beyond the burst', async () => {
    const all = await crowd('/x?k=spaced', 8)
    const passed = all.filter(({ response }) => response.status === 200)
    expect(passed).toHaveLength(6)
    for (const [i, { tookMs }] of passed.entries()) {
      expect(tookMs, `request ${i}`).toBeGreaterThan(i * 200 - EARLY_MS - 20 * i)
      expect(tookMs, `request ${i}`).toBeLessThan(i * 200 + LATE_MS)
    }
    expect(passed.map(({ response }) => response.header('x-limit'))).toEqual(['PASSED', ...Array(5).fill('DELAYED')])
    expect(all.filter(({ response }) => response.status === 503)).toHaveLength(2)
  })

  test('logs the delay one level below a refusal', async () => {
    await crowd('/x?k=logged', 2)
    await sluice.waitForLog(
      /\[warn\] \d+#\d+: \*\d+ delaying request, excess: (1\.000|0\.\d\d\d), by zone "five", client: 127\.0\.0\.1, server: t\.test, request: "GET \/x\?k=logged HTTP\/1\.1", host: "t\.test"/,
    )
  })

  test('$request_time includes the wait', async () => {
    await crowd('/x?k=time', 2)
    // As long as is left of 200 ms when the second one comes.
    await expect.poll(() => sluice.file('logs/limits.log')).toMatch(/^\/x\?k=time 200 DELAYED 0\.(0[2-9]|1|2|3)\d+$/m)
  })

  test('a refused request does not lengthen the penalty', async () => {
    await crowd('/x?k=hammer', 10)
    await sleep(450) // 2.25 requests drain at 5 r/s; refusals that charged would keep the bucket full
    const { response } = await timed('/x?k=hammer')
    expect(response.status).toBe(200)
  })

  test('a delayed request waits with its body unread and is answered whole', async () => {
    const bytes = request('POST', '/x?k=body', ['Connection: close', 'Content-Length: 3'], 'abc')
    const answers = await Promise.all([ask(sluice.port('a'), bytes), ask(sluice.port('a'), bytes)])
    expect(answers.map((answer) => answer.status)).toEqual([405, 405]) // static files take no POST; both were let through
  })
})

describe('delay=', () => {
  test('passes that many of the burst at once and delays the rest', async () => {
    const all = await crowd('/part?k=d', 7)
    const passed = all.filter(({ response }) => response.status === 200)
    expect(passed).toHaveLength(6)
    for (const { tookMs } of passed.slice(0, 3)) expect(tookMs).toBeLessThan(LATE_MS)
    for (const [i, { tookMs }] of passed.slice(3).entries()) {
      expect(tookMs, `delayed request ${i}`).toBeGreaterThan((i + 1) * 200 - EARLY_MS - 20 * i)
    }
  })
})

describe('several limits', () => {
  test('the longest delay counts, and its zone is named', async () => {
    const all = await crowd('/pair?k=p', 3)
    expect(all[2]?.tookMs).toBeGreaterThan(400 - EARLY_MS - 40)
    await sluice.waitForLog(/delaying request, excess: \d\.\d{3}, by zone "five".*k=p/)
    expect(sluice.logLines(/by zone "ten".*k=p /)).toEqual([])
  })
})

describe('a client that leaves while it waits', () => {
  test('is logged as 499 at once and stays charged', async () => {
    expect((await timed('/slow?k=gone')).response.status).toBe(200)
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/slow?k=gone'))
    await sluice.waitForLog(/delaying request.*k=gone/)
    client.destroy()
    await expect.poll(() => sluice.file('logs/limits.log')).toMatch(/^\/slow\?k=gone 499 DELAYED 0\.\d+$/m)
    await sluice.waitForLog(/client prematurely closed connection/)
  })
})

describe('dry run', () => {
  test('answers at once what it would delay', async () => {
    const all = await crowd('/dry?k=d', 4)
    for (const { response, tookMs } of all) {
      expect(response.status).toBe(200)
      expect(tookMs).toBeLessThan(1000)
    }
    const verdicts = all.map(({ response }) => response.header('x-limit')).sort()
    expect(verdicts).toEqual(['DELAYED_DRY_RUN', 'DELAYED_DRY_RUN', 'PASSED', 'REJECTED_DRY_RUN'])
    await sluice.waitForLog(/\[warn\].*delaying request, dry run, excess: \d\.\d{3}, by zone "minute".*k=d/)
    await sluice.waitForLog(/\[error\].*limiting requests, dry run, excess: \d\.\d{3} by zone "minute".*k=d/)
  })

  test('a log level of notice makes delays info', async () => {
    await crowd('/level?k=l', 3)
    await sluice.waitForLog(/\[info\].*delaying request, dry run, .*k=l/)
    await sluice.waitForLog(/\[notice\].*limiting requests, dry run, .*k=l/)
  })
})
