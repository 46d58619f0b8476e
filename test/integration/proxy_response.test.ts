// What the client gets of an origin's answer: every way a body can be framed, and every way an answer can go wrong.

import { describe, expect, test } from 'vitest'
import { ask, Client, rawRequest } from '../harness/client.ts'
import { getOnce, parseResponses, request } from '../harness/http_text.ts'
import { type OriginConnection, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'

/** Sluice in front of an origin that reads a request and does what `answer` says. */
async function proxied(
  answer: (connection: OriginConnection) => Promise<void> | void,
  more = '',
): Promise<ServerProcess> {
  const origin = await rawOrigin(async (connection) => {
    for (;;) {
      if ((await connection.request(600_000)) === undefined) return connection.end()
      await answer(connection)
    }
  })
  return startSluice({
    ports: { origin: origin.port },
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.1; ${more} }
      }`,
  })
}

const OK = 'HTTP/1.1 200 OK\r\n'

describe('a body', () => {
  test('by length comes with its length', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Content-Length: 5\r\n\r\nhello`))
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.framing, response.header('content-length'), response.body]).toEqual(['length', '5', 'hello'])
  })

  test('in chunks comes in chunks', async () => {
    const sluice = await proxied((c) =>
      c.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n`),
    )
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.framing, response.body, response.complete]).toEqual(['chunked', 'hello world', true])
  })

  test('in chunks comes bare to HTTP/1.0', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`))
    const response = await ask(sluice.port('a'), 'GET / HTTP/1.0\r\n\r\n')
    expect([response.framing, response.body, response.header('connection')]).toEqual(['close', 'hello', 'close'])
  })

  test('until the end of the connection comes in chunks, and the client connection stays', async () => {
    const sluice = await proxied((c) => c.end(`${OK}\r\nuntil the end`))
    const client = await Client.connect(sluice.port('a'))
    for (let i = 0; i < 2; i++) {
      client.send(request('GET', '/'))
      const response = await client.response()
      expect([response.framing, response.body]).toEqual(['chunked', 'until the end'])
    }
    client.destroy()
  })

  test('of HTTP/1.0 is understood', async () => {
    const sluice = await proxied((c) => c.end('HTTP/1.0 200 Fine\r\nContent-Type: text/plain\r\n\r\nold'))
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.version, response.status, response.reason, response.body]).toEqual(['1.1', 200, 'Fine', 'old'])
  })

  test('of a status that no HTTP knows is delimited as any other', async () => {
    const sluice = await proxied((c) => c.write('HTTP/1.1 099 Odd\r\nContent-Length: 5\r\n\r\nhello'))
    const text = await rawRequest(sluice.port('a'), getOnce('/'))
    expect(text).toMatch(/^HTTP\/1\.1 099 Odd\r\n.*Content-Length: 5\r\n.*\r\n\r\nhello$/s)
  })

  test('keeps every byte', async () => {
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
    const sluice = await proxied((c) => c.write(`${OK}Content-Length: 256\r\n\r\n${bytes}`))
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe(bytes)
  })

  test('may come byte by byte', async () => {
    const sluice = await proxied(async (c) => {
      for (const byte of `${OK}Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n5\r\nhello\r\n0\r\n\r\n`) {
        c.write(byte)
        await new Promise(setImmediate)
      }
    })
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.body, response.header('x-a')]).toEqual(['hello', 'b'])
  })

  test('longer than its length is cut there, and the connection is not used again', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Content-Length: 5\r\n\r\nhello and more`))
    const text = await rawRequest(sluice.port('a'), request('GET', '/1') + getOnce('/2'))
    expect(parseResponses(text).map((response) => response.body)).toEqual(['hello', 'hello'])
    await sluice.waitForLog(/upstream sent more data than specified in "Content-Length" header while reading upstream/)
  })
})

describe('no body', () => {
  test.each([204, 304])('for %i, whatever its headers say', async (status) => {
    const sluice = await proxied((c) => c.write(`HTTP/1.1 ${status} X\r\nETag: "a"\r\n\r\n`))
    const client = await Client.connect(sluice.port('a'))
    for (let i = 0; i < 2; i++) {
      client.send(request('GET', '/'))
      const response = await client.response()
      expect([response.status, response.reason, response.header('etag'), response.body]).toEqual([
        status,
        'X',
        '"a"',
        '',
      ])
    }
    client.destroy()
  })

  test('for HEAD; the length is passed', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Content-Length: 1000\r\n\r\n`))
    const client = await Client.connect(sluice.port('a'))
    for (let i = 0; i < 2; i++) {
      client.send(request('HEAD', '/'))
      const response = await client.response({ headOnly: true })
      expect([response.status, response.header('content-length')]).toEqual([200, '1000'])
    }
    client.send(getOnce('/'))
    client.destroy()
  })

  test('for HEAD of a chunked answer', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`))
    const client = await Client.connect(sluice.port('a'))
    client.send(request('HEAD', '/'))
    expect((await client.response({ headOnly: true })).status).toBe(200)
    expect(client.received).toBe('')
    client.destroy()
  })
})

describe('headers', () => {
  test('of the origin come in its order; those of the hop, Date and Server are ours', async () => {
    const lines = [
      'X-One: 1',
      'Server: origin/1',
      'Date: long ago',
      'x-two: 2',
      'Connection: keep-alive',
      'Keep-Alive: timeout=5',
    ]
    const more = [
      'X-Pad: pad',
      'X-Accel-Expires: 0',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'Content-Type: text/x',
      'Content-Length: 2',
    ]
    const sluice = await proxied((c) => c.write(`${OK}${[...lines, ...more].join('\r\n')}\r\n\r\nok`))
    const response = await ask(sluice.port('a'), getOnce('/'))
    const names = response.headers.map(({ name }) => name)
    expect(names).toEqual([
      'Server',
      'Date',
      'Content-Type',
      'Content-Length',
      'Connection',
      'X-One',
      'x-two',
      'Set-Cookie',
      'Set-Cookie',
    ])
    expect(response.header('server')).not.toBe('origin/1')
    expect(response.header('date')).toMatch(/ GMT$/)
    expect(response.header('connection')).toBe('close')
  })

  test('the status text is the origin’s, bytes above 127 included', async () => {
    const sluice = await proxied((c) => c.write('HTTP/1.1 299 Ça va\r\nContent-Length: 0\r\nX-High: \xe9\r\n\r\n'))
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.status, response.reason, response.header('x-high')]).toEqual([299, 'Ça va', '\xe9'])
  })

  test('Location of the origin is mapped back by default', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.end(`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${origin.port}/there?x\r\nContent-Length: 0\r\n\r\n`)
    })
    const sluice = await startSluice({
      ports: { origin: origin.port },
      http: `server { listen 127.0.0.1:%%PORT:a%%; server_name t.test; location /app/ { proxy_pass http://127.0.0.1:%%PORT:origin%%/; } }`,
    })
    const response = await ask(sluice.port('a'), getOnce('/app/'))
    expect(response.header('location')).toMatch(/^http:\/\/t\.test(:\d+)?\/app\/there\?x$/)
  })

  test('informational answers before the real one are not taken for it', async () => {
    const sluice = await proxied((c) =>
      c.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
    )
    if (STORIES_OF_NGINX) return // 1.22 knows no 103
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect([response.status, response.body]).toEqual([200, 'ok'])
  })
})

describe('502', () => {
  test('when nobody listens at the origin', async () => {
    const sluice = await startSluice({
      http: `server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://127.0.0.1:%%PORT:nobody%%; } }`,
    })
    const response = await ask(sluice.port('a'), getOnce('/'))
    expect(response.status).toBe(502)
    expect(response.body).toContain('<h1>502 Bad Gateway</h1>')
    await sluice.waitForLog(
      /\[error\].* connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: 127\.0\.0\.1, server: , request: "GET \/ HTTP\/1\.1", upstream: "http:\/\/127\.0\.0\.1:\d+\/", host: "t\.test"/,
    )
  })

  test('when the origin closes without a word', async () => {
    const sluice = await proxied((c) => c.end())
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(
      /upstream prematurely closed connection while reading response header from upstream, client/,
    )
  })

  test('when the origin resets', async () => {
    const sluice = await proxied((c) => c.reset())
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(
      /recv\(\) failed \(104: Connection reset by peer\) while reading response header from upstream/,
    )
  })

  test('when the origin closes within its head', async () => {
    const sluice = await proxied((c) => c.end(`${OK}X-A: `))
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
  })

  test('when the origin sends a broken header line', async () => {
    const sluice = await proxied((c) => c.write(`${OK}X A: b\0c\r\n\r\n`))
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(/upstream sent invalid header/)
  })

  test.skipIf(STORIES_OF_NGINX).each([
    [
      'two lengths',
      `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
      /upstream sent duplicate header line: "Content-Length: 5"/,
    ],
    [
      'length and chunked',
      `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /"Content-Length" and "Transfer-Encoding" headers at the same time/,
    ],
    ['a broken length', `${OK}Content-Length: 5x\r\n\r\nhello`, /upstream sent invalid "Content-Length" header/],
    [
      'an unknown encoding',
      `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      /upstream sent unknown "Transfer-Encoding": "gzip, chunked"/,
    ],
  ])('when the origin sends %s', async (_, bytes, log) => {
    const sluice = await proxied((c) => c.write(bytes))
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(log)
  })

  test('when its head is larger than proxy_buffer_size', async () => {
    const sluice = await proxied(
      (c) => c.write(`${OK}X-Big: ${'x'.repeat(5000)}\r\nContent-Length: 0\r\n\r\n`),
      'proxy_buffer_size 4k;',
    )
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(502)
    await sluice.waitForLog(/upstream sent too big header while reading response header from upstream/)
  })
})

describe('504', () => {
  test('when the origin does not answer in time', async () => {
    const sluice = await proxied(() => {}, 'proxy_read_timeout 300ms;')
    const before = performance.now()
    expect((await ask(sluice.port('a'), getOnce('/'))).status).toBe(504)
    expect(performance.now() - before).toBeGreaterThan(290)
    await sluice.waitForLog(
      /\[error\].*upstream timed out \(110: Connection timed out\) while reading response header from upstream/,
    )
  })

  test('is not given while the origin makes progress', async () => {
    const sluice = await proxied(async (c) => {
      for (const part of [OK, 'Content-Length: 3\r\n', '\r\n', 'a', 'b', 'c']) {
        c.write(part)
        await new Promise((resolve) => setTimeout(resolve, 100)) // time is the subject
      }
    }, 'proxy_read_timeout 1s;')
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('abc')
  })
})

describe('an origin that dies within its body', () => {
  test.each([
    ['by length', `${OK}Content-Length: 10\r\n\r\nabc`],
    ['in chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo`],
  ])('%s: the client sees that the answer is not whole', async (_, bytes) => {
    const sluice = await proxied((c) => c.end(bytes))
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/'))
    await client.closed()
    const [response] = parseResponses(client.received)
    expect(response?.status).toBe(200)
    expect(response?.complete).toBe(false)
    await sluice.waitForLog(/\[error\].*upstream prematurely closed connection while reading upstream, client/)
  })

  test('by silence: the client connection is closed after proxy_read_timeout', async () => {
    const sluice = await proxied((c) => c.write(`${OK}Content-Length: 10\r\n\r\nabc`), 'proxy_read_timeout 300ms;')
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/'))
    await client.closed()
    expect(parseResponses(client.received)[0]?.complete).toBe(false)
    await sluice.waitForLog(/upstream timed out \(110: Connection timed out\) while reading upstream/)
  })
})
