// limit_conn as requests meet it, over a real zone: what is counted and for how long. Requests are held by an origin that
// does not answer until it is told to.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addon, type LimitConnZone } from '../../../../src/native/addon.ts'
import { type Origin, type OriginConnection, rawOrigin } from '../../../harness/origin.ts'
import { type Served, serve, waitFor } from '../serve.ts'

let served: Served | undefined
let origin: Origin
let atOrigin: OriginConnection[]

beforeEach(async () => {
  atOrigin = []
  origin = await rawOrigin(async (connection) => {
    if ((await connection.request()) !== undefined) atOrigin.push(connection)
  })
})

afterEach(() => {
  served?.stop()
  served = undefined
})

const ZONE = 'limit_conn_zone $arg_a zone=one:1m;'
/** A location that passes the preaccess phase and has something to answer then. */
const ANSWER = 'error_page 404 =200 @ok;'
const OK = 'location @ok { return 200 ok; }'

/** A server with the verdict in a header. `/held` waits for the origin. */
function limited(http: string, locations: string): Served {
  served = serve(`${http} server { listen 127.0.0.1:8080; add_header X-Verdict $limit_conn_status always; ${locations}
    location /held { limit_conn one 1; proxy_pass http://127.0.0.1:${origin.port}; } ${OK} }`)
  return served
}

/** Starts a request that the origin holds. */
async function hold(server: Served, target = '/held?a=1') {
  const before = atOrigin.length
  const client = await server.open()
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await waitFor(() => atOrigin.length > before)
  return { client, origin: atOrigin[before] as OriginConnection }
}

/** Messages of the log without time, pid and context. */
function messages({ log }: Served): string[] {
  return [...log.text.matchAll(/\[(\w+)\] \S+ \*\d+ (.*?)(?:, client: .*)?$/gm)].map(
    ([, level, text]) => `${level} ${text}`,
  )
}

const PLAIN = `location / { limit_conn one 1; ${ANSWER} log_not_found off; }`

describe('limit_conn', () => {
  it('refuses while as many requests as allowed are under way, and not after', async () => {
    const server = limited(ZONE, PLAIN)
    const held = await hold(server)
    const refused = await server.get('/?a=1')
    expect([refused.status, refused.header('X-Verdict')]).toEqual([503, 'REJECTED'])
    expect((await server.get('/?a=2')).header('X-Verdict')).toBe('PASSED')
    held.origin.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await waitFor(() => held.client.received.endsWith('ok'))
    expect((await server.get('/?a=1')).status).toBe(200)
    // The connection of the held request is idle now, and idle connections do not count.
    expect(held.client.closed).toBe(false)
    held.client.close()
    expect(messages(server)).toEqual(['error limiting connections by zone "one"'])
  })

  it('lets any number pass one after the other, pipelined ones included', async () => {
    const server = limited(ZONE, PLAIN)
    const client = await server.open()
    client.send(
      `${'GET /?a=1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(4)}GET /?a=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    expect((await client.read()).match(/HTTP\/1\.1 \d+/g)).toEqual(Array(5).fill('HTTP/1.1 200'))
    client.close()
  })

  it('answers with limit_conn_status and logs at limit_conn_log_level', async () => {
    const server = limited(ZONE, 'location / { limit_conn one 1; limit_conn_status 429; limit_conn_log_level info; }')
    const held = await hold(server)
    expect((await server.get('/?a=1')).status).toBe(429)
    expect(messages(server)).toEqual(['info limiting connections by zone "one"'])
    held.client.close()
  })

  it('says nothing in $limit_conn_status where no limit was looked at', async () => {
    const { get } = limited(ZONE, `${PLAIN} location /free { return 200; }`)
    expect((await get('/free')).header('X-Verdict')).toBeUndefined()
    expect((await get('/')).header('X-Verdict')).toBeUndefined()
  })

  it('only logs in dry run, and does not count what it would have refused', async () => {
    const server = limited(
      ZONE,
      `${PLAIN} location /dry { limit_conn one 1; limit_conn_dry_run on; proxy_pass http://127.0.0.1:${origin.port}; }`,
    )
    const first = await hold(server)
    const second = await hold(server, '/dry?a=1')
    expect(messages(server)).toEqual(['error limiting connections, dry run, by zone "one"'])
    first.origin.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await waitFor(() => first.client.received.includes('200 OK'))
    // The dry one is still under way, uncounted.
    expect((await server.get('/?a=1')).status).toBe(200)
    second.origin.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await waitFor(() => second.client.received.includes('X-Verdict: REJECTED_DRY_RUN'))
    for (const { client } of [first, second]) client.close()
  })

  it('is applied once to a request that is redirected inside', async () => {
    const { get } = limited(
      ZONE,
      `limit_conn one 1; recursive_error_pages on; error_page 404 =200 /second; location / { log_not_found off; }
       location = /second { error_page 404 =200 @ok; log_not_found off; }`,
    )
    const response = await get('/first?a=1')
    expect([response.status, response.header('X-Verdict')]).toEqual([200, 'PASSED'])
  })

  it('counts several limits all or none', async () => {
    const zones = `${ZONE} limit_conn_zone $arg_b zone=two:1m;`
    const server = limited(
      zones,
      `location / { limit_conn two 1; limit_conn one 1; ${ANSWER} log_not_found off; }
      location /both { limit_conn two 1; limit_conn one 9; proxy_pass http://127.0.0.1:${origin.port}; }`,
    )
    const held = await hold(server)
    expect((await server.get('/?b=1&a=1')).status).toBe(503)
    expect(messages(server)).toEqual(['error limiting connections by zone "one"'])
    // The refusal by "one" left nothing in "two".
    const both = await hold(server, '/both?b=1&a=1')
    expect((await server.get('/?b=1&a=2')).status).toBe(503)
    for (const { client } of [held, both]) client.close()
  })

  it('skips keys of more than 255 bytes and logs them', async () => {
    const server = limited(ZONE, PLAIN)
    const key = 'x'.repeat(256)
    expect((await server.get(`/?a=${key}`)).header('X-Verdict')).toBeUndefined()
    expect((await server.get(`/?a=${key.slice(1)}`)).header('X-Verdict')).toBe('PASSED')
    expect(messages(server)).toEqual([`error the value of the "$arg_a" key is more than 255 bytes: "${key}"`])
  })

  it('refuses new keys when the zone is full, in the words of the allocator', async () => {
    const server = limited(
      'limit_conn_zone $arg_a zone=one:32k;',
      `${PLAIN} location /full { limit_conn one 9; proxy_pass http://127.0.0.1:${origin.port}; }`,
    )
    // 255 bytes take a chunk of 512: 8 of them a page, 6 pages beside the one of the owner.
    const clients = []
    for (let i = 0; i < 48; i++) clients.push((await hold(server, `/full?a=${String(i).padStart(250, 'x')}`)).client)
    const refused = await server.get(`/?a=${'y'.repeat(250)}`)
    expect([refused.status, refused.header('X-Verdict')]).toEqual([503, 'REJECTED'])
    expect(server.log.text).toMatch(/\[crit\] \S+ ngx_slab_alloc\(\) failed: no memory in limit_conn_zone "one"$/m)
    for (const client of clients) client.close()
  })
})

describe('a connection is given back', () => {
  const CASES: readonly (readonly [how: string, end: (held: Awaited<ReturnType<typeof hold>>) => void])[] = [
    ['when the client goes away', ({ client }) => client.close()],
    ['when the client resets', ({ client }) => client.socket.resetAndDestroy()],
    ['when the origin fails', ({ origin: connection }) => connection.reset()],
    ['when the origin talks nonsense', ({ origin: connection }) => connection.end('nonsense\r\n\r\n')],
    [
      'when the response breaks off',
      ({ origin: connection }) => connection.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'),
    ],
  ]

  it.each(CASES)('%s', async (_, end) => {
    const server = limited(ZONE, PLAIN)
    const held = await hold(server)
    expect((await server.get('/?a=1')).status).toBe(503)
    end(held)
    await expect.poll(async () => (await server.get('/?a=1')).status).toBe(200)
    held.client.close()
  })

  it('when the origin takes too long', async () => {
    const server = limited(`${ZONE} proxy_read_timeout 300ms;`, PLAIN)
    const held = await hold(server)
    expect((await server.get('/?a=1')).status).toBe(503)
    await waitFor(() => held.client.received.startsWith('HTTP/1.1 504'))
    expect((await server.get('/?a=1')).status).toBe(200)
    held.client.close()
  })

  it('when the server is stopped', async () => {
    const server = limited(ZONE, PLAIN)
    const held = await hold(server)
    const zone = server.zones[0]?.handle as LimitConnZone
    expect(addon.connZoneStats(zone).connections).toBe(1)
    server.stop()
    served = undefined
    expect(addon.connZoneStats(zone).connections).toBe(0)
    held.client.close()
  })
})
