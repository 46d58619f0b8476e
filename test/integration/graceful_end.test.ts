// What becomes of connections when their worker is told to quit: who is served goes on being served, who only waits is let
// go, and what lasts too long is cut off.

import { describe, expect, test } from 'vitest'
import { Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { type OriginConnection, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

/** Newer than the nginx that stories are checked with, which behaves as with 0. */
const minTimeout = (time: string) => (STORIES_OF_NGINX ? '' : `keepalive_min_timeout ${time};`)

const PAGE = (directives = '') => `
  server { listen 127.0.0.1:%%PORT:a%%; ${directives} location / { return 200 "served"; } }`

const UPLOAD = 'POST /up HTTP/1.1\r\nHost: t.test\r\nContent-Length: 10\r\n\r\n01234'

async function quit(sluice: ServerProcess): Promise<void> {
  sluice.signal('SIGQUIT')
  await sluice.waitForLog(/gracefully shutting down/)
}

/** A connection that has had a request and waits for the next one. */
async function idleClient(sluice: ServerProcess): Promise<Client> {
  const client = await Client.connect(sluice.port('a'))
  client.send(request('GET', '/'))
  expect((await client.response()).header('connection')).toBe('keep-alive')
  return client
}

/** A proxy, and the origin's side of the requests that it passed on, by target. */
async function proxy(main = ''): Promise<{ sluice: ServerProcess; at: (target: string) => Promise<OriginConnection> }> {
  const arrived = new Map<string, OriginConnection>()
  const origin = await rawOrigin(async (connection) => {
    const head = await connection.receives(/^\w+ (\S+) HTTP\/1\.1\r\n.*\r\n\r\n/s)
    arrived.set(head[1] ?? '', connection)
  })
  const sluice = await startSluice({
    main,
    http: `
      limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m;
      log_format outcome '$request_uri $status $upstream_status';
      access_log logs/outcomes.log outcome;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        proxy_buffering off;
        proxy_request_buffering off;
        proxy_http_version 1.1;
        location / { proxy_pass http://127.0.0.1:${origin.port}; }
        location /slow { limit_req zone=slow burst=5; proxy_pass http://127.0.0.1:${origin.port}; }
      }`,
  })
  const at = (target: string) => waitFor(`${target} at the origin`, () => arrived.get(target))
  return { sluice, at }
}

async function sending(sluice: ServerProcess, bytes: string): Promise<Client> {
  const client = await Client.connect(sluice.port('a'))
  client.send(bytes)
  return client
}

describe('when its worker quits, a connection', () => {
  test('that is idle is closed at once with keepalive_min_timeout 0', async () => {
    const sluice = await startSluice({ http: PAGE(minTimeout('0')) })
    const client = await idleClient(sluice)
    await quit(sluice)
    await client.closed()
    expect(client.received).toBe('')
    expect(await sluice.exited()).toBe(0)
  })

  test.skipIf(STORIES_OF_NGINX)('that is idle gets one more answer within keepalive_min_timeout', async () => {
    const sluice = await startSluice({ http: PAGE(minTimeout('1h')) })
    const [asking, silent] = [await idleClient(sluice), await idleClient(sluice)]
    await quit(sluice)
    asking.send(request('GET', '/'))
    const response = await asking.response()
    expect(response).toMatchObject({ status: 200, body: 'served' })
    expect(response.header('connection')).toBe('close')
    await asking.closed()
    expect(silent.ended).toBe(false)
    // An hour is not over; nobody but the client can end it.
    silent.destroy()
    expect(await sluice.exited()).toBe(0)
  })

  test.skipIf(STORIES_OF_NGINX)('that stays idle is closed after keepalive_min_timeout', async () => {
    const sluice = await startSluice({ http: PAGE(minTimeout('300ms')) })
    const client = await idleClient(sluice)
    await quit(sluice)
    await client.closed()
    expect(client.received).toBe('')
    expect(await sluice.exited()).toBe(0)
  })

  test.skipIf(STORIES_OF_NGINX)('that is idle never waits longer than keepalive_timeout', async () => {
    const sluice = await startSluice({ http: PAGE(`keepalive_timeout 300ms; ${minTimeout('1h')}`) })
    const client = await idleClient(sluice)
    await quit(sluice)
    await client.closed()
    expect(await sluice.exited()).toBe(0)
  })

  test('that has sent nothing yet is still answered', async () => {
    const sluice = await startSluice({ http: PAGE() })
    const client = await Client.connect(sluice.port('a'))
    // A connection is accepted in order: once another one is answered, this one is the worker's.
    await idleClient(sluice).then((other) => other.destroy())
    await quit(sluice)
    client.send(request('GET', '/'))
    const response = await client.response()
    expect(response).toMatchObject({ status: 200, body: 'served' })
    expect(response.header('connection')).toBe('close')
    expect(await sluice.exited()).toBe(0)
  })

  test('that is new is refused, while others are served', async () => {
    const { sluice, at } = await proxy()
    const client = await sending(sluice, request('GET', '/wait'))
    const origin = await at('/wait')
    await quit(sluice)
    await waitFor(
      'connections to be refused',
      () =>
        Client.connect(sluice.port('a')).then(
          (other) => other.destroy(),
          (error: Error) => /ECONNREFUSED/.test(error.message),
        ) as Promise<true | undefined>,
    )
    origin.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved')
    const response = await client.response()
    expect(response).toMatchObject({ status: 200, body: 'served' })
    expect(response.header('connection')).toBe('close')
    expect(await sluice.exited()).toBe(0)
  })

  test('that downloads or uploads goes on to the end', async () => {
    const { sluice, at } = await proxy()
    const down = await sending(sluice, request('GET', '/down'))
    const up = await sending(sluice, UPLOAD)
    const [source, sink] = [await at('/down'), await at('/up')]
    source.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234')
    await waitFor('the first half', () => down.received.endsWith('01234'))
    await sink.receives(/01234$/)
    await quit(sluice)
    source.end('56789')
    expect(await down.response()).toMatchObject({ status: 200, body: '0123456789' })
    up.send('56789')
    await sink.receives(/0123456789$/)
    sink.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
    const response = await up.response()
    expect(response.status).toBe(201)
    expect(response.header('connection')).toBe('close')
    for (const client of [down, up]) await client.closed()
    expect(await sluice.exited()).toBe(0)
  })

  test('to an origin that is kept idle is closed at once', async () => {
    const origin = await rawOrigin(async (connection) => {
      while ((await connection.request()) !== undefined)
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const sluice = await startSluice({
      http: `
        upstream kept { server 127.0.0.1:${origin.port}; keepalive 4; }
        server { listen 127.0.0.1:%%PORT:a%%;
          location / { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
    })
    const client = await idleClient(sluice)
    // Only connected: it keeps the worker from leaving, which would end all connections anyway.
    const silent = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/'))
    await client.response()
    const [kept] = origin.connections
    expect(kept?.ended).toBe(false)
    await quit(sluice)
    await kept?.closed()
    expect(silent.ended).toBe(false)
    silent.send(getOnce('/'))
    expect((await silent.response()).body).toBe('ok')
    client.destroy()
    expect(await sluice.exited()).toBe(0)
  })
})

describe('worker_shutdown_timeout', () => {
  test('cuts off downloads, uploads, waiting and delayed requests, and the worker leaves', async () => {
    const { sluice, at } = await proxy('worker_shutdown_timeout 500ms;')
    const first = await sending(sluice, getOnce('/slow'))
    ;(await at('/slow')).end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await first.response()
    const clients = {
      down: await sending(sluice, request('GET', '/down')),
      up: await sending(sluice, UPLOAD),
      waiting: await sending(sluice, request('GET', '/wait')),
      delayed: await sending(sluice, request('GET', '/slow?again')),
    }
    const source = await at('/down')
    source.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234')
    await waitFor('the first half', () => clients.down.received.endsWith('01234'))
    await Promise.all([at('/up'), at('/wait'), sluice.waitForLog(/delaying request/)])
    await quit(sluice)
    for (const client of Object.values(clients)) await client.closed()
    expect(clients.down.received).toMatch(/\r\n\r\n01234$/)
    for (const { received } of [clients.up, clients.waiting, clients.delayed]) expect(received).toBe('')
    expect(await sluice.exited()).toBe(0)
    const outcomes = sluice.file('logs/outcomes.log').trim().split('\n').sort()
    expect(outcomes).toEqual(['/down 200 200', '/slow 200 200', '/slow?again 000 -', '/up 000 -', '/wait 000 -'])
  })
})
