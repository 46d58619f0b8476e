// Connections to the origin: kept, reused, retried once when they went stale, given up when the client leaves.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { httpOrigin, type OriginConnection, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { sleep, waitFor } from '../harness/wait_for.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** One worker in front of a group of one origin whose connections are kept. */
function front(port: number, upstream = 'keepalive 4;', location = ''): Promise<ServerProcess> {
  return startSluice({
    ports: { origin: port },
    http: `
      upstream back { server 127.0.0.1:%%PORT:origin%%; ${upstream} }
      log_format tries '$request_uri $status [$upstream_addr] [$upstream_status]';
      access_log %%DIR%%/logs/tries.log tries;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        location / {
          proxy_pass http://back;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          ${location}
        }
      }`,
  })
}

async function serve(connection: OriginConnection, answer = OK): Promise<void> {
  while ((await connection.request(600_000)) !== undefined) connection.write(answer)
  connection.end()
}

describe('a connection to the origin', () => {
  test('is used for many requests of many clients', async () => {
    const origin = await rawOrigin((c) => serve(c))
    const sluice = await front(origin.port)
    for (let i = 0; i < 10; i++) expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(200)
    expect(origin.connections).toHaveLength(1)
  })

  test('is not used again when the origin says close', async () => {
    const origin = await rawOrigin((c) =>
      serve(c, 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
    )
    const sluice = await front(origin.port)
    for (let i = 0; i < 3; i++) await ask(sluice.port('a'), getOnce('/'))
    expect(origin.connections).toHaveLength(3)
  })

  test('is not used again after an answer of HTTP/1.0', async () => {
    const origin = await rawOrigin((c) => serve(c, 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    const sluice = await front(origin.port)
    for (let i = 0; i < 2; i++) await ask(sluice.port('a'), getOnce('/'))
    expect(origin.connections).toHaveLength(2)
  })

  test('is not kept with keepalive_requests reached', async () => {
    const origin = await rawOrigin((c) => serve(c))
    const sluice = await front(origin.port, 'keepalive 4; keepalive_requests 3;')
    for (let i = 0; i < 7; i++) await ask(sluice.port('a'), getOnce('/'))
    expect(origin.connections).toHaveLength(3)
  })

  test('is closed after keepalive_timeout', async () => {
    const origin = await rawOrigin((c) => serve(c))
    const sluice = await front(origin.port, 'keepalive 4; keepalive_timeout 300ms;')
    await ask(sluice.port('a'), getOnce('/'))
    await origin.connections[0]?.closed(5000)
  })

  test('no more than `keepalive` of them stay', async () => {
    const release: (() => void)[] = []
    const origin = await rawOrigin(async (c) => {
      while ((await c.request(600_000)) !== undefined) {
        await new Promise<void>((resolve) => release.push(resolve))
        c.write(OK)
      }
      c.end()
    })
    const sluice = await front(origin.port, 'keepalive 2;')
    const answers = Array.from({ length: 6 }, () => ask(sluice.port('a'), getOnce('/')))
    await waitFor('six requests', () => release.length === 6)
    for (const go of release) go()
    await Promise.all(answers)
    await waitFor('four to close', () => origin.connections.filter((c) => c.ended).length === 4)
    await sleep(100) // and no more than four
    expect(origin.connections.filter((c) => !c.ended)).toHaveLength(2)
  })
})

describe('a kept connection that went stale', () => {
  test('by closing while idle is not used', async () => {
    const origin = await rawOrigin(async (c, index) => {
      await c.request()
      c.write(OK)
      if (index === 0) return c.end()
      await serve(c)
    })
    const sluice = await front(origin.port)
    await ask(sluice.port('a'), getOnce('/1'))
    await origin.connections[0]?.closed()
    expect((await ask(sluice.port('a'), getOnce('/2'))).status).toBe(200)
    expect(sluice.logLines(/\[error\]/)).toEqual([])
  })

  // The origin closes in the moment in which it is asked again: the proxy must notice and ask once more on a new one.
  const closing = (how: 'end' | 'reset') =>
    rawOrigin(async (c, index) => {
      await c.request()
      c.write(OK)
      if (index > 0) return serve(c)
      await c.request()
      return c[how]()
    })

  test.each(['end', 'reset'] as const)('under a request (%s) is retried once on a new connection', async (how) => {
    const origin = await closing(how)
    const sluice = await front(origin.port)
    await ask(sluice.port('a'), getOnce('/1'))
    expect((await ask(sluice.port('a'), getOnce('/2'))).status).toBe(200)
    expect(origin.connections).toHaveLength(2)
    await waitFor('the log', () =>
      /^\/2 200 \[127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+\] \[502, 200\]$/m.test(sluice.file('logs/tries.log')),
    )
  })

  test('is not retried for POST: it may have been carried out', async () => {
    const origin = await closing('end')
    const sluice = await front(origin.port)
    await ask(sluice.port('a'), getOnce('/1'))
    const post = request('POST', '/2', ['Connection: close', 'Content-Length: 1'], 'x')
    expect((await ask(sluice.port('a'), post)).status).toBe(502)
    expect(origin.connections).toHaveLength(1)
  })

  test('is not retried when proxy_next_upstream says off', async () => {
    const origin = await closing('end')
    const sluice = await front(origin.port, 'keepalive 4;', 'proxy_next_upstream off;')
    await ask(sluice.port('a'), getOnce('/1'))
    expect((await ask(sluice.port('a'), getOnce('/2'))).status).toBe(502)
  })

  test('a new connection that fails is not retried', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.end()
    })
    const sluice = await front(origin.port)
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    expect(origin.connections).toHaveLength(1)
  })
})

describe('several origins', () => {
  test('are asked in turn by weight', async () => {
    const origins = await Promise.all(['a', 'b', 'c'].map((name) => httpOrigin(() => name)))
    const [a, b, c] = origins.map((origin) => origin.port)
    const sluice = await startSluice({
      ports: { x: a ?? 0, y: b ?? 0, z: c ?? 0 },
      http: `
        upstream back {
          server 127.0.0.1:%%PORT:x%% weight=5;
          server 127.0.0.1:%%PORT:y%%;
          server 127.0.0.1:%%PORT:z%%;
        }
        server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://back; } }`,
    })
    let order = ''
    for (let i = 0; i < 14; i++) order += (await ask(sluice.port('a'), getOnce('/'))).body
    expect(order).toBe('aabacaaaabacaa')
  })

  test('the next one is asked when one refuses', async () => {
    const origin = await httpOrigin(() => 'alive')
    const sluice = await startSluice({
      ports: { origin: origin.port },
      http: `
        upstream back { server 127.0.0.1:%%PORT:dead%%; server 127.0.0.1:%%PORT:origin%%; }
        server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://back; } }`,
    })
    for (let i = 0; i < 4; i++) expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('alive')
    expect(sluice.logLines(/connect\(\) failed \(111: Connection refused\)/)).toHaveLength(1)
  })

  test('502 and "no live upstreams" when none is left', async () => {
    const sluice = await startSluice({
      http: `
        upstream back { server 127.0.0.1:%%PORT:dead%%; server 127.0.0.1:%%PORT:gone%%; }
        server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://back; } }`,
    })
    for (let i = 0; i < 2; i++) expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(
      /\[error\].*no live upstreams while connecting to upstream, client: .*upstream: "http:\/\/back\/"/,
    )
  })

  test('an origin on a unix socket', async () => {
    const sluice = await startSluice({
      http: `
        server { listen unix:%%SOCK:inner%%; location / { return 200 "by socket $host"; } }
        server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://unix:%%SOCK:inner%%:/; } }`,
    })
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('by socket localhost')
  })

  test('the path of a unix socket may be a bare name in the folder of the process', async () => {
    const sluice = await startSluice({
      relativePrefix: true,
      http: `
        server { listen unix:inner.sock; location / { return 200 "by a bare name"; } }
        server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://unix:inner.sock:/; } }`,
    })
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('by a bare name')
  })

  test('an address that no socket can have, out of variables, fails its request alone', async () => {
    const sluice = await startSluice({
      http: `
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location /host { proxy_pass http://$arg_to/; }
          location /file { proxy_pass http://unix:$arg_to:/; }
          location /bind { proxy_bind $arg_to; proxy_pass http://127.0.0.1:%%PORT:a%%/ok; }
          location /ok { return 200 ok; }
        }`,
    })
    const worker = sluice.workers()[0]?.pid
    const status = async (target: string): Promise<number> => (await ask(sluice.port('a'), getOnce(target))).status
    expect(await status('/host?to=[fe80::1%lo]:80')).toBe(500)
    expect(await status('/file?to=nobody')).toBe(502)
    expect(await status(`/file?to=${'n'.repeat(107)}`)).toBe(500)
    // As with any local address that is none: the system chooses.
    expect(await status('/bind?to=fe80::1%lo')).toBe(200)
    expect(sluice.workers()[0]?.pid).toBe(worker)
  })
})

describe('a client that leaves', () => {
  test('while the origin is asked: the origin’s connection is closed, 499 is logged', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
    })
    const sluice = await front(origin.port)
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/left'))
    await waitFor('the origin to be asked', () => origin.connections.length === 1)
    client.destroy()
    await origin.connections[0]?.closed()
    await waitFor('499', () => /^\/left 499 /m.test(sluice.file('logs/tries.log')))
    await sluice.waitForLog(/\[info\].*client prematurely closed connection, so upstream connection is closed too/)
  })

  test('with proxy_ignore_client_abort the origin is heard to the end', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      await sleep(200) // the client must have left meanwhile
      c.write(OK)
      await c.request(600_000)
      c.end()
    })
    const sluice = await front(origin.port, 'keepalive 4;', 'proxy_ignore_client_abort on;')
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/ignored'))
    await waitFor('the origin to be asked', () => origin.connections.length === 1)
    client.destroy()
    await waitFor('200', () => /^\/ignored 200 .*\[200\]$/m.test(sluice.file('logs/tries.log')))
  })

  test('with proxy_ignore_client_abort its body stays its own, also for another try', async () => {
    const first = await rawOrigin(async (c) => {
      await c.receives(/A{8000}/)
      await waitFor('the word to go on', () => isReused)
      c.reset()
    })
    const second = await httpOrigin((r) => `${r.target} ${r.body.length}`)
    let isReused = false
    const sluice = await startSluice({
      ports: { first: first.port, second: second.port },
      http: `
        upstream both { server 127.0.0.1:%%PORT:first%%; server 127.0.0.1:%%PORT:second%% backup; }
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location /left {
            proxy_pass http://both;
            proxy_ignore_client_abort on;
            proxy_next_upstream error non_idempotent;
          }
          location / { proxy_pass http://127.0.0.1:%%PORT:second%%; }
        }`,
    })
    const post = (target: string, letter: string): string =>
      request('POST', target, ['Connection: close', 'Content-Length: 8000'], letter.repeat(8000))
    const client = await Client.connect(sluice.port('a'))
    client.send(post('/left', 'A'))
    await waitFor('the origin to be asked', () => /A{8000}/.test(first.connections[0]?.received ?? ''))
    client.reset()
    await sluice.waitForAccess(/"POST \/left /)
    for (let i = 0; i < 3; i++) await ask(sluice.port('a'), post('/others', 'B'))
    isReused = true
    const left = await waitFor('the other try', () => second.requests.find(({ target }) => target === '/left'))
    expect(left.body === 'A'.repeat(8000), left.body.slice(0, 20)).toBe(true)
  })

  test('with proxy_ignore_client_abort its head stays its own, also in the error log', async () => {
    const origin = await rawOrigin(async (c, index) => {
      await c.receives(/\r\n\r\n/)
      if (index > 0) return
      await waitFor('the other request', () => origin.connections.length === 2)
      c.reset()
    })
    const sluice = await front(origin.port, '', 'proxy_ignore_client_abort on; proxy_next_upstream off;')
    const client = await Client.connect(sluice.port('a'))
    client.send('GET /left HTTP/1.1\r\nHost: left.test\r\n\r\n')
    await waitFor('the origin to be asked', () => /left/.test(origin.connections[0]?.received ?? ''))
    client.reset()
    await waitFor('its end', () => /^\/left 499 /m.test(sluice.file('logs/tries.log')))
    const other = await Client.connect(sluice.port('a'))
    other.send('GET /other HTTP/1.1\r\nHost: other.test\r\nReferer: http://other.test/secret\r\n\r\n')
    await sluice.waitForLog(/\[error\].*recv\(\) failed .*request: "GET \/left HTTP\/1\.1".*, host: "left\.test"$/m)
    other.destroy()
    origin.connections[1]?.reset()
  })

  test('with proxy_ignore_client_abort a client that does not read is given up', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.write(`HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n`)
      c.write(Buffer.alloc(50_000_000))
    })
    const sluice = await front(origin.port, '', 'proxy_ignore_client_abort on; send_timeout 300ms;')
    const client = await Client.connect(sluice.port('a'))
    client.socket.pause()
    client.send(request('GET', '/slow'))
    await sluice.waitForLog(/\[info\].*client timed out/)
    await origin.connections[0]?.closed()
  })

  test('within a large answer: the origin’s connection is closed', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n')
      for (let i = 0; i < 1000 && !c.ended; i++) {
        if (!c.socket.write(Buffer.alloc(100_000))) {
          await Promise.race([new Promise((resolve) => c.socket.once('drain', resolve)), c.closed(20_000)])
        }
      }
    })
    const sluice = await front(origin.port)
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/big'))
    await waitFor('some of it', () => client.received.length > 100_000)
    client.destroy()
    await origin.connections[0]?.closed()
  })
})
