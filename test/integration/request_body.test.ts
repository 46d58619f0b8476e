// Request bodies: by length and in chunks, Expect, limits, and what happens to bodies that nobody wants.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, Client, rawRequest } from '../harness/client.ts'
import { getOnce, parseResponses, request } from '../harness/http_text.ts'
import { httpOrigin, type Origin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'

let origin: Origin
let sluice: ServerProcess

beforeAll(async () => {
  origin = await httpOrigin((r) => `${r.method} ${r.body.length} ${r.body.slice(0, 40)}`, { scope: 'file' })
  sluice = await startSluice({
    scope: 'file',
    ports: { origin: origin.port },
    http: `
      log_format body '$uri $request_body';
      server {
        listen 127.0.0.1:%%PORT:a%%;
        client_body_timeout 500ms;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.1; client_max_body_size 2m; }
        location /kept { proxy_pass http://127.0.0.1:%%PORT:origin%%; access_log logs/bodies.log body; }
        location /small { proxy_pass http://127.0.0.1:%%PORT:origin%%; client_max_body_size 10; }
        location /small/page {
          proxy_pass http://127.0.0.1:%%PORT:origin%%; client_max_body_size 10; error_page 413 = @page;
        }
        location @page { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
        location /unlimited { proxy_pass http://127.0.0.1:%%PORT:origin%%; client_max_body_size 0; }
        location /ignored { return 200 "not read"; }
      }`,
  })
})
afterAll(async () => {
  await sluice.stop()
  await origin.close()
})

const CLOSE = 'Connection: close'

describe('a body by length', () => {
  test.each([0, 1, 1000, 8192, 100_000, 1_500_000])('of %i bytes arrives whole', async (size) => {
    const body = 'x'.repeat(size)
    const response = await ask(sluice.port('a'), request('POST', '/', [CLOSE, `Content-Length: ${size}`], body))
    expect(response.body).toBe(`POST ${size} ${body.slice(0, 40)}`)
  })

  test('arrives byte for byte, whatever the bytes', async () => {
    const body = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
    await ask(sluice.port('a'), request('PUT', '/bytes', [CLOSE, 'Content-Length: 256'], body))
    expect(origin.requests.at(-1)?.body).toBe(body)
  })

  test("of usual size is nobody else's, though its memory is used again", async () => {
    const bodyOf = (i: number): string =>
      `<${i}>`.repeat(1000 + ((i * 397) % 3000)).slice(0, 4096 + ((i * 997) % 16_000))
    const before = origin.requests.length
    let next = 0
    const client = async (): Promise<void> => {
      while (next < 300) {
        const i = next++
        const body = bodyOf(i)
        const head = [CLOSE, `Content-Length: ${body.length}`]
        // Every seventh leaves in the middle of it.
        if (i % 7 === 6) {
          const leaving = await Client.connect(sluice.port('a'))
          leaving.send(request('POST', '/left', head, body.slice(0, 5000 + i)).slice(0, -500))
          leaving.destroy()
        } else await ask(sluice.port('a'), request('POST', `/kept/${i}`, head, body))
      }
    }
    await Promise.all(Array.from({ length: 20 }, client))
    const asked = origin.requests.slice(before).filter(({ target }) => target.startsWith('/kept/'))
    expect(asked.length).toBe(258)
    for (const { target, body } of asked) expect(body === bodyOf(Number(target.slice(6))), target).toBe(true)
    const log = sluice.file('logs/bodies.log')
    for (let i = 0; i < 300; i++) {
      if (i % 7 !== 6) expect(log.includes(`/kept/${i} ${bodyOf(i)}\n`), `log of ${i}`).toBe(true)
    }
  })

  test('is passed with its length', async () => {
    await ask(sluice.port('a'), request('POST', '/length', [CLOSE, 'Content-Length: 3'], 'abc'))
    expect(origin.requests.at(-1)?.header('content-length')).toBe('3')
  })
})

describe('a chunked body', () => {
  const chunked = (text: string, path = '/') => request('POST', path, [CLOSE, 'Transfer-Encoding: chunked'], text)

  test.each([
    ['several chunks', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world'],
    ['no chunk', '0\r\n\r\n', ''],
    ['upper-case and padded sizes', '000A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['extensions', '3;name=value;x="y"\r\nabc\r\n0;last\r\n\r\n', 'abc'],
    ['trailers, which are dropped', '3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n', 'abc'],
    ['chunk data that looks like a chunk', '8\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n', '0\r\n\r\n0\r\n'],
  ])('with %s is decoded', async (_, text, body) => {
    const response = await ask(sluice.port('a'), chunked(text))
    expect(response.body).toBe(`POST ${body.length} ${body}`)
    expect(origin.requests.at(-1)?.body).toBe(body)
  })

  test('is read before the origin is asked, and passed with its length', async () => {
    await ask(sluice.port('a'), chunked('3\r\nabc\r\n0\r\n\r\n', '/rechunked'))
    expect(origin.requests.at(-1)?.header('content-length')).toBe('3')
    expect(origin.requests.at(-1)?.header('transfer-encoding')).toBeUndefined()
  })

  test('may come byte by byte', async () => {
    const client = await Client.connect(sluice.port('a'))
    for (const byte of chunked('5\r\nhello\r\n0\r\n\r\n')) {
      client.send(byte)
      await new Promise(setImmediate)
    }
    expect((await client.response()).body).toBe('POST 5 hello')
    client.destroy()
  })

  test('of many small chunks arrives whole', async () => {
    const response = await ask(sluice.port('a'), chunked(`${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`))
    expect(response.body).toMatch(/^POST 20000 x/)
  })

  test('that nobody reads is dropped, and the connection goes on', async () => {
    const bytes = `${request('POST', '/ignored', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n')}${getOnce('/ignored')}`
    expect(parseResponses(await rawRequest(sluice.port('a'), bytes)).map((r) => r.status)).toEqual([200, 200])
  })
})

describe('Expect: 100-continue', () => {
  const head = (path: string, size: number) =>
    request('POST', path, [CLOSE, 'Expect: 100-continue', `Content-Length: ${size}`])

  test('is answered once, when the body is wanted', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(head('/', 5))
    expect((await client.response()).status).toBe(100)
    client.send('hello')
    const response = await client.response()
    expect(response.status).toBe(200)
    expect(response.body).toBe('POST 5 hello')
    expect(origin.requests.at(-1)?.header('expect')).toBeUndefined()
    client.destroy()
  })

  test('is not answered when the body is too large', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(head('/small', 11))
    expect((await client.response()).status).toBe(413)
    client.destroy()
  })

  test('is ignored in HTTP/1.0', async () => {
    const bytes = 'POST / HTTP/1.0\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi'
    expect((await ask(sluice.port('a'), bytes)).status).toBe(200)
  })

  test('another expectation is ignored', async () => {
    const bytes = request('POST', '/', [CLOSE, 'Expect: magic', 'Content-Length: 2'], 'hi')
    expect((await ask(sluice.port('a'), bytes)).status).toBe(200)
  })
})

describe('client_max_body_size', () => {
  test('refuses a longer Content-Length at once, with 413 and a log line', async () => {
    const response = await ask(
      sluice.port('a'),
      request('POST', '/small', [CLOSE, 'Content-Length: 11'], 'x'.repeat(11)),
    )
    expect(response.status).toBe(413)
    expect(response.body).toContain('<h1>413 Request Entity Too Large</h1>')
    await sluice.waitForLog(/\[error\].*client intended to send too large body: 11 bytes, client:/)
  })

  test('takes a body of exactly that size', async () => {
    const bytes = request('POST', '/small', [CLOSE, 'Content-Length: 10'], 'x'.repeat(10))
    expect((await ask(sluice.port('a'), bytes)).status).toBe(200)
  })

  test('keeps the body from the location of an error page as well', async () => {
    const bytes = request('POST', '/small/page', [CLOSE, 'Content-Length: 11'], 'x'.repeat(11))
    const response = await ask(sluice.port('a'), bytes)
    expect([response.status, response.body]).toEqual([200, 'POST 0 '])
    expect(origin.requests.at(-1)?.header('content-length')).toBe('0')
  })
  test('refuses a chunked body as soon as it grows too large', async () => {
    const bytes = request(
      'POST',
      '/small',
      [CLOSE, 'Transfer-Encoding: chunked'],
      '6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n',
    )
    expect((await ask(sluice.port('a'), bytes)).status).toBe(413)
    await sluice.waitForLog(/client intended to send too large chunked body: /)
  })

  test('0 means no limit', async () => {
    const bytes = request('POST', '/unlimited', [CLOSE, 'Content-Length: 3000000'], 'x'.repeat(3_000_000))
    expect((await ask(sluice.port('a'), bytes)).body).toMatch(/^POST 3000000 /)
  })
})

describe('a body that does not come', () => {
  test('client_body_timeout closes without a response and logs 408', async () => {
    expect(await rawRequest(sluice.port('a'), request('POST', '/stalled', ['Content-Length: 10'], 'abc'))).toBe('')
    await sluice.waitForAccess(/"POST \/stalled HTTP\/1.1" 408 0 /)
  })

  test('a client that leaves within its body is logged with 400', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(request('POST', '/left-body', ['Content-Length: 10'], 'abc'))
    await new Promise(setImmediate)
    client.destroy()
    await sluice.waitForAccess(/"POST \/left-body HTTP\/1.1" 400 0 /)
  })
})

describe('a client that leaves in the middle of its body, before anybody reads it', () => {
  test.each([
    ['by length', ['Content-Length: 100'], 'half'],
    ['in chunks', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n8\r\n'],
  ])('%s is not waited for', async (_, head, half) => {
    const delayed = await startSluice({
      ports: { origin: origin.port },
      http: `
        limit_req_zone $server_port zone=pace:1m rate=2r/s;
        log_format short '$uri $status';
        access_log %%DIR%%/logs/short.log short;
        server {
          listen 127.0.0.1:%%PORT:a%%;
          client_body_timeout 1h;
          limit_req zone=pace burst=5;
          location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
        }`,
    })
    await ask(delayed.port('a'), getOnce('/'))
    const client = await Client.connect(delayed.port('a'))
    client.send(request('POST', '/left', head, half))
    await delayed.waitForLog(/delaying request/)
    client.finish()
    await client.closed()
    expect(client.received).toBe('')
    await expect.poll(() => delayed.file('logs/short.log')).toMatch(/^\/left 4(00|99)$/m)
  })
})

test('a small body that was passed on as it came is there for the location of an error page', async () => {
  const picky = await httpOrigin((r) => (r.target === '/fails' ? { status: 500 } : `${r.method} ${r.body}`))
  const front = await startSluice({
    ports: { picky: picky.port },
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        proxy_request_buffering off;
        location / {
          proxy_pass http://127.0.0.1:%%PORT:picky%%/fails;
          proxy_intercept_errors on;
          error_page 500 = @other;
        }
        location @other { proxy_pass http://127.0.0.1:%%PORT:picky%%; }
      }`,
  })
  const byLength = request('POST', '/', [CLOSE, 'Content-Length: 3'], 'abc')
  expect((await ask(front.port('a'), byLength)).body).toBe('POST abc')
  const inChunks = request('POST', '/', [CLOSE, 'Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n')
  expect((await ask(front.port('a'), inChunks)).body).toBe('POST abc')
})
