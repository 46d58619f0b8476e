// limit_req as requests meet it, over a real zone: what passes, waits and is refused, and what is logged about it.

import { afterEach, describe, expect, it } from 'vitest'
import { type Served, serve, waitFor } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

/** A server whose locations answer with the verdict in a header; `http` goes before it. */
function limited(http: string, locations: string): Served {
  served = serve(
    `${http} server { listen 127.0.0.1:8080; add_header X-Verdict $limit_req_status always; ${locations} }`,
  )
  return served
}

const SLOW = 'limit_req_zone $arg_a zone=slow:1m rate=1r/m;'
/** A location that passes the preaccess phase and has something to answer then. */
const ANSWER = 'error_page 404 =200 @ok;'
const OK = 'location @ok { return 200 ok; }'

/** Messages of the log without time, pid and context. */
function messages({ log }: Served): string[] {
  return [...log.text.matchAll(/\[(\w+)\] \S+ \*\d+ (.*?)(?:, client: .*)?$/gm)].map(
    ([, level, text]) => `${level} ${text}`,
  )
}

describe('limit_req', () => {
  it('admits burst + 1 requests at once with nodelay and refuses the next', async () => {
    const { get } = limited(SLOW, `location / { limit_req zone=slow burst=2 nodelay; ${ANSWER} } ${OK}`)
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await get('/?a=1')).status)
    expect(statuses).toEqual([200, 200, 200, 503])
    expect((await get('/?a=2')).status).toBe(200)
  })

  it('takes any number that is one, however large', async () => {
    const { get } = limited(
      'limit_req_zone $arg_a zone=fast:1m rate=99999999999999999r/s;',
      `location / { limit_req zone=fast burst=9999999999999999 delay=9999999999999999; ${ANSWER} } ${OK}`,
    )
    for (let i = 0; i < 3; i++) expect((await get('/?a=1')).header('X-Verdict')).toBe('PASSED')
  })

  it('says in $limit_req_status what happened, and nothing where no limit was looked at', async () => {
    const { get } = limited(SLOW, `location / { limit_req zone=slow; ${ANSWER} } location /free { return 200; } ${OK}`)
    expect((await get('/?a=1')).header('X-Verdict')).toBe('PASSED')
    expect((await get('/?a=1')).header('X-Verdict')).toBe('REJECTED')
    expect((await get('/free')).header('X-Verdict')).toBeUndefined()
    expect((await get('/')).header('X-Verdict')).toBeUndefined()
  })

  it('logs a refusal with the excess and the zone', async () => {
    const server = limited(SLOW, `location / { limit_req zone=slow; ${ANSWER} log_not_found off; } ${OK}`)
    await server.get('/?a=1')
    await server.get('/?a=1')
    const [line] = messages(server)
    // A few ms may have passed: 16 ticks a second.
    expect(line).toMatch(/^error limiting requests, excess: (1\.000|0\.99\d) by zone "slow"$/)
    expect(server.log.text).toContain(', client: 127.0.0.1, server: , request: "GET /?a=1 HTTP/1.1", host: "localhost"')
  })

  it('answers with limit_req_status and logs at limit_req_log_level', async () => {
    const server = limited(
      SLOW,
      'location / { limit_req zone=slow; limit_req_status 429; limit_req_log_level notice; }',
    )
    await server.get('/?a=1')
    expect((await server.get('/?a=1')).status).toBe(429)
    expect(messages(server).at(-1)).toMatch(/^notice limiting requests/)
  })

  it('delays what is within the burst until its turn', async () => {
    const zone = 'limit_req_zone $arg_a zone=ten:1m rate=10r/s;'
    const server = limited(zone, `location / { limit_req zone=ten burst=2; ${ANSWER} log_not_found off; } ${OK}`)
    const start = performance.now()
    await server.get('/?a=1')
    const second = await server.get('/?a=1')
    expect(second.status).toBe(200)
    expect(second.header('X-Verdict')).toBe('DELAYED')
    // Timers and the clock of the zone count whole milliseconds.
    expect(performance.now() - start).toBeGreaterThan(95)
    expect(messages(server)).toEqual([
      expect.stringMatching(/^warn delaying request, excess: \d\.\d{3}, by zone "ten"$/),
    ])
  })

  it('delays only what is above delay=', async () => {
    const server = limited(SLOW, `location / { limit_req zone=slow burst=5 delay=1; ${ANSWER} } ${OK}`)
    expect((await server.get('/?a=1')).header('X-Verdict')).toBe('PASSED')
    expect((await server.get('/?a=1')).header('X-Verdict')).toBe('PASSED')
    const client = await server.open()
    client.send('GET /?a=1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitFor(() => server.log.text.includes('delaying request'))
    client.close()
  })

  it('drops a waiting request when its client leaves', async () => {
    const server = limited(
      `${SLOW} log_format status $status; access_log off;`,
      'location / { limit_req zone=slow burst=5; }',
    )
    await server.get('/?a=1')
    const client = await server.open()
    client.send('GET /?a=1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitFor(() => server.log.text.includes('delaying request'))
    client.close()
    await waitFor(() => server.log.text.includes('[info]'))
    expect(messages(server).at(-1)).toBe('info client prematurely closed connection')
  })

  it('only counts and logs in dry run', async () => {
    const server = limited(
      SLOW,
      `limit_req_dry_run on; location / { limit_req zone=slow; ${ANSWER} log_not_found off; }
       location /wait { limit_req zone=slow burst=5; ${ANSWER} log_not_found off; } ${OK}`,
    )
    await server.get('/?a=1')
    const refused = await server.get('/?a=1')
    expect([refused.status, refused.header('X-Verdict')]).toEqual([200, 'REJECTED_DRY_RUN'])
    const delayed = await server.get('/wait?a=1')
    expect([delayed.status, delayed.header('X-Verdict')]).toEqual([200, 'DELAYED_DRY_RUN'])
    expect(messages(server)).toEqual([
      expect.stringMatching(/^error limiting requests, dry run, excess: \d\.\d{3} by zone "slow"$/),
      expect.stringMatching(/^warn delaying request, dry run, excess: \d\.\d{3}, by zone "slow"$/),
    ])
  })

  it('is applied once to a request that is redirected inside', async () => {
    const { get } = limited(
      'limit_req_zone $host zone=host:1m rate=1r/m;',
      `limit_req zone=host; recursive_error_pages on; error_page 404 =200 /second; location / { }
       location = /second { error_page 404 =200 @ok; } ${OK}`,
    )
    // Looked at again, the limit would refuse it in the second location.
    const response = await get('/first')
    expect([response.status, response.header('X-Verdict')]).toEqual([200, 'PASSED'])
  })

  it('is still applied behind a redirect when the first location accounted nothing', async () => {
    const { get } = limited(
      SLOW,
      `location / { error_page 404 =200 /second; } location = /second { limit_req zone=slow; } ${OK}`,
    )
    expect((await get('/?a=1')).header('X-Verdict')).toBeUndefined()
    const zone = 'limit_req_zone $uri zone=uri:1m rate=1r/m;'
    served?.stop()
    const second = limited(
      zone,
      `location / { error_page 404 =200 /b; } location = /b { limit_req zone=uri; ${ANSWER} } ${OK}`,
    )
    expect((await second.get('/a')).header('X-Verdict')).toBe('PASSED')
    expect((await second.get('/a')).header('X-Verdict')).toBe('REJECTED')
  })
})

describe('several limits', () => {
  const ZONES = `limit_req_zone $arg_a zone=a:1m rate=1r/m; limit_req_zone $arg_b zone=b:1m rate=1r/m;
    limit_req_zone $arg_c zone=c:1m rate=1r/m;`

  it('charge all or none', async () => {
    const { get } = limited(ZONES, `location / { limit_req zone=a burst=1 nodelay; limit_req zone=b; ${ANSWER} } ${OK}`)
    expect((await get('/?a=1&b=1')).status).toBe(200)
    expect((await get('/?a=1&b=1')).status).toBe(503)
    // The refusal by b left a uncharged: one more fits into its burst, and only one.
    expect((await get('/?a=1&b=2')).status).toBe(200)
    expect((await get('/?a=1&b=3')).status).toBe(503)
  })

  it('name the zone that refused', async () => {
    const server = limited(
      ZONES,
      `location / { limit_req zone=a burst=9 nodelay; limit_req zone=b; ${ANSWER} log_not_found off; } ${OK}`,
    )
    await server.get('/?a=1&b=1')
    await server.get('/?a=1&b=1')
    expect(messages(server)).toEqual([expect.stringMatching(/by zone "b"$/)])
  })

  it('skip empty keys', async () => {
    const { get } = limited(
      ZONES,
      `location / { limit_req zone=a; limit_req zone=b; limit_req zone=c; ${ANSWER} } ${OK}`,
    )
    expect((await get('/?b=1')).status).toBe(200)
    expect((await get('/?b=1')).status).toBe(503)
    expect((await get('/?a=1')).status).toBe(200)
    expect((await get('/?c=2')).status).toBe(200)
  })
})

describe('a key of more than 65535 bytes', () => {
  const LONG = 'limit_req_zone $arg_a$arg_a$arg_a zone=long:1m rate=1r/m;'
  const value = 'x'.repeat(30_000)
  const BUFFERS = 'large_client_header_buffers 4 64k;'

  it('is skipped and logged', async () => {
    const server = limited(
      `${BUFFERS} ${LONG}`,
      `location / { limit_req zone=long; ${ANSWER} log_not_found off; } ${OK}`,
    )
    for (let i = 0; i < 2; i++) {
      const response = await server.get(`/?a=${value}`)
      expect([response.status, response.header('X-Verdict')]).toEqual([200, undefined])
    }
    expect(server.log.text).toContain('the value of the "$arg_a$arg_a$arg_a" key is more than 65535 bytes: "xxx')
  })

  it('is not logged behind the limit that refused', async () => {
    const server = limited(
      `${BUFFERS} ${LONG} limit_req_zone $host zone=host:1m rate=1r/m;`,
      `location / { limit_req zone=host; limit_req zone=long; ${ANSWER} log_not_found off; } ${OK}`,
    )
    await server.get('/')
    await server.get(`/?a=${value}`)
    expect(server.log.text).toContain('by zone "host"')
    expect(server.log.text).not.toContain('65535')
  })
})
