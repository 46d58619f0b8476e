// Who passes and who is refused. Rates of one request a minute make the outcome independent of how fast the test runs;
// what depends on time is in limit_req_delay.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, rawRequest } from '../harness/client.ts'
import { getOnce, type HttpResponse, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'

let sluice: ServerProcess

beforeAll(async () => {
  sluice = await startSluice({
    scope: 'file',
    workers: 2,
    files: { 'html/busy.html': 'busy\n', 'html/index.html': 'in\n', ...pages() },
    http: `
      root %%DIR%%/html;
      limit_req_zone $arg_k zone=one:1m rate=1r/m;
      limit_req_zone $arg_k zone=two:1m rate=1r/m;
      limit_req_zone $arg_k zone=three:1m rate=1r/m;
      limit_req_zone $arg_b zone=other:1m rate=1r/m;
      limit_req_zone $http_x_key zone=long:1m rate=1r/m;
      limit_req_zone $binary_remote_addr zone=address:1m rate=1r/m;
      limit_req_zone $arg_k$arg_b zone=both:1m rate=1r/m;
      log_format limits '$request_uri $status $limit_req_status';
      access_log %%DIR%%/logs/limits.log limits;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        add_header X-Limit $limit_req_status always;
        location /plain { limit_req zone=one; }
        location /burst { limit_req zone=two burst=3 nodelay; }
        location /last-wins { limit_req zone=both burst=1 delay=5; }
        location /status { limit_req zone=address; limit_req_status 429; }
        location /page { limit_req zone=three; error_page 503 /busy.html; }
        location /busy.html { limit_req zone=three; }
        location /pair { limit_req zone=one burst=9 nodelay; limit_req zone=other burst=1 nodelay; }
        location /long { limit_req zone=long; }
        location /quiet { limit_req zone=two; limit_req_log_level info; }
        location /dry { limit_req zone=both; limit_req_dry_run on; }
        location /returned { limit_req zone=one; return 200 "free"; }
        location /free { }
        location /nested { limit_req zone=one; location /nested/own { limit_req zone=two burst=1 nodelay; } }
      }`,
  })
})
afterAll(() => sluice.stop())

function pages(): Record<string, string> {
  const names = [
    'plain',
    'burst',
    'last-wins',
    'status',
    'page',
    'pair',
    'long',
    'quiet',
    'dry',
    'free',
    'nested/x',
    'nested/own',
  ]
  return Object.fromEntries(names.map((name) => [`html/${name}`, `${name}\n`]))
}

const get = (target: string, lines?: string[]): Promise<HttpResponse> => ask(sluice.port('a'), getOnce(target, lines))

async function statuses(targets: readonly string[]): Promise<number[]> {
  const seen: number[] = []
  for (const target of targets) seen.push((await get(target)).status)
  return seen
}

describe('a limit without burst', () => {
  test('passes the first request and refuses the second', async () => {
    const first = await get('/plain?k=first')
    expect([first.status, first.header('x-limit')]).toEqual([200, 'PASSED'])
    const second = await get('/plain?k=first')
    expect([second.status, second.header('x-limit')]).toEqual([503, 'REJECTED'])
    expect(second.body).toContain('<h1>503 Service Temporarily Unavailable</h1>')
  })

  test('keeps keys apart', async () => {
    expect(await statuses(['/plain?k=a', '/plain?k=b', '/plain?k=c', '/plain?k=a'])).toEqual([200, 200, 200, 503])
  })

  test('an empty key is not limited at all', async () => {
    expect(await statuses(['/plain', '/plain', '/plain'])).toEqual([200, 200, 200])
    expect((await get('/plain')).header('x-limit')).toBeUndefined()
  })

  test('counts over all workers', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => get('/plain?k=everywhere')))
    expect(all.filter((response) => response.status === 200)).toHaveLength(1)
  })

  test('limits every request of a keep-alive connection', async () => {
    const bytes = request('GET', '/plain?k=kept').repeat(3) + getOnce('/plain?k=kept')
    const text = await rawRequest(sluice.port('a'), bytes)
    expect(text.match(/^HTTP\/1\.1 \d{3}/gm)).toEqual(['HTTP/1.1 200', ...Array(3).fill('HTTP/1.1 503')])
  })

  test('limits HEAD and requests with bodies alike', async () => {
    expect((await ask(sluice.port('a'), request('HEAD', '/plain?k=head', ['Connection: close']))).status).toBe(200)
    const post = request('POST', '/plain?k=head', ['Connection: close', 'Content-Length: 3'], 'abc')
    expect((await ask(sluice.port('a'), post)).status).toBe(503)
  })
})

describe('burst with nodelay', () => {
  test('passes burst + 1 at once and refuses the next', async () => {
    expect(await statuses(Array(6).fill('/burst?k=b'))).toEqual([200, 200, 200, 200, 503, 503])
  })

  test('passes exactly burst + 1 of many at a time', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => get('/burst?k=crowd')))
    expect(all.filter((response) => response.status === 200)).toHaveLength(4)
    expect(all.filter((response) => response.status === 503)).toHaveLength(46)
  })

  test('delay= above burst never delays', async () => {
    expect(await statuses(Array(3).fill('/last-wins?k=d'))).toEqual([200, 200, 503])
  })
})

describe('what a refusal looks like', () => {
  test('limit_req_status', async () => {
    const [first, second] = [await get('/status'), await get('/status')]
    expect([first.status, second.status, second.reason]).toEqual([200, 429, 'Too Many Requests'])
  })

  test('goes through error_page, and the page is not limited again', async () => {
    await get('/page?k=p')
    const refused = await get('/page?k=p')
    expect([refused.status, refused.body]).toEqual([503, 'busy\n'])
    expect(refused.header('x-limit')).toBe('REJECTED')
  })

  test('is logged at error with excess and zone', async () => {
    await get('/plain?k=logged')
    await get('/plain?k=logged')
    const [line] = await sluice.waitForLog(/^.*limiting requests.*k=logged.*$/m)
    expect(line).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ limiting requests, excess: (1\.000|0\.99\d) by zone "one", client: 127\.0\.0\.1, server: t\.test, request: "GET \/plain\?k=logged HTTP\/1\.1", host: "t\.test"$/,
    )
  })

  test('is logged at limit_req_log_level', async () => {
    await get('/quiet?k=q')
    await get('/quiet?k=q')
    await sluice.waitForLog(
      /\[info\] \d+#\d+: \*\d+ limiting requests, excess: \d\.\d{3} by zone "two", client: .*k=q /,
    )
  })

  test('$limit_req_status is in the access log, and - where nothing limits', async () => {
    await get('/plain?k=log')
    await get('/plain?k=log')
    await get('/free?k=log')
    const lines = () => sluice.file('logs/limits.log')
    await expect.poll(lines).toMatch(/^\/plain\?k=log 200 PASSED$/m)
    await expect.poll(lines).toMatch(/^\/plain\?k=log 503 REJECTED$/m)
    await expect.poll(lines).toMatch(/^\/free\?k=log 200 -$/m)
  })
})

describe('several limits', () => {
  test('all must agree; the stricter one refuses', async () => {
    expect(await statuses(Array(3).fill('/pair?k=x&b=y'))).toEqual([200, 200, 503])
    await sluice.waitForLog(/limiting requests, excess: \d\.\d{3} by zone "other".*k=x&b=y/)
  })

  test('a refusal by one charges none: the other still has its room', async () => {
    await statuses(Array(8).fill('/pair?k=shared&b=z')) // 2 pass, 6 are refused by "other"
    // Two of the ten that zone "one" has for this key are used: eight are left, for other values of b.
    const rest = Array.from({ length: 9 }, (_, i) => `/pair?k=shared&b=z${i}`)
    expect(await statuses(rest)).toEqual([...Array(8).fill(200), 503])
  })

  test('one with an empty key is skipped, the others are charged', async () => {
    expect(await statuses(Array(3).fill('/pair?b=lonely'))).toEqual([200, 200, 503])
    expect(await statuses(Array(11).fill('/pair?k=lonely'))).toEqual([...Array(10).fill(200), 503])
  })
})

describe('keys', () => {
  test('up to 65535 bytes are taken, longer ones are skipped and logged', async () => {
    const bytes = getOnce('/long', [`X-Key: ${'k'.repeat(6000)}`])
    expect((await ask(sluice.port('a'), bytes)).status).toBe(200)
    expect((await ask(sluice.port('a'), bytes)).status).toBe(503)
  })
})

describe('limit_req_dry_run', () => {
  test('passes what it would refuse, says so, and logs it', async () => {
    const seen = [await get('/dry?k=d1'), await get('/dry?k=d1')]
    expect(seen.map((response) => response.status)).toEqual([200, 200])
    expect(seen.map((response) => response.header('x-limit'))).toEqual(['PASSED', 'REJECTED_DRY_RUN'])
    await sluice.waitForLog(/\[error\].*limiting requests, dry run, excess: \d\.\d{3} by zone "both", client: .*k=d1/)
  })
})

describe('where limits apply', () => {
  test('not to what `return` answers: it comes first', async () => {
    expect(await statuses(Array(3).fill('/returned?k=r'))).toEqual([200, 200, 200])
  })

  test('an inner level with a limit of its own forgets the outer ones', async () => {
    expect(await statuses(Array(3).fill('/nested/own?k=n'))).toEqual([200, 200, 503])
    expect(await statuses(['/nested/x?k=n', '/nested/x?k=n'])).toEqual([200, 503])
  })
})
