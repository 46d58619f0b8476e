// What is ambiguous is refused. Every row is a request that some server, somewhere, understands in another way than its
// neighbour: the material of request smuggling. Each is followed by a second request, which must never be answered as if it
// stood alone when the first one was refused.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawRequest } from '../harness/client.ts'
import { parseResponses, request } from '../harness/http_text.ts'
import { httpOrigin, type Origin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'

let origin: Origin
let sluice: ServerProcess

beforeAll(async () => {
  origin = await httpOrigin((r) => r.target, { scope: 'file' })
  sluice = await startSluice({
    scope: 'file',
    ports: { origin: origin.port },
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
      }
      server {
        listen 127.0.0.1:%%PORT:kept%%;
        ignore_invalid_headers off;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
      }`,
  })
})
afterAll(async () => {
  await sluice.stop()
  await origin.close()
})

/** nginx 1.22 is milder in some rows than the version that sluice follows. */
const newer = STORIES_OF_NGINX ? test.skip : test

async function statuses(bytes: string, port = 'a'): Promise<number[]> {
  const text = await rawRequest(sluice.port(port), bytes)
  return parseResponses(text).map((response) => response.status)
}

const SECOND = 'GET /second HTTP/1.1\r\nHost: t.test\r\nConnection: close\r\n\r\n'
const HOST = 'Host: t.test\r\n'
const POST = `POST /first HTTP/1.1\r\n${HOST}`

describe('two framings in one request', () => {
  test.each([
    ['length and chunked', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunked and length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths that differ', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['two equal lengths', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nhello`],
    ['chunked in HTTP/1.0', `POST /first HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('%s: 400', async (_, bytes) => {
    expect(await statuses(bytes + SECOND)).toEqual([400])
  })

  newer('two transfer encodings: 400', async () => {
    const bytes = `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
    expect(await statuses(bytes + SECOND)).toEqual([400])
  })

  test.each([
    ['chunked, identity', 'chunked, identity'],
    ['identity', 'identity'],
    ['gzip, chunked', 'gzip, chunked'],
    ['chunked with a parameter', 'chunked;q=1'],
    ['a tab in front', '\tchunked'],
    ['a vertical tab in front', '\x0bchunked'],
    ['a tab behind', 'chunked\t'],
    ['quotes', '"chunked"'],
    ['nothing', ''],
  ])('Transfer-Encoding with %s: 501', async (_, value) => {
    expect(await statuses(`${POST}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n${SECOND}`)).toEqual([501])
  })

  test('Chunked in capitals is chunked', async () => {
    expect(await statuses(`${POST}Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n${SECOND}`)).toEqual([200, 200])
  })
})

describe('Content-Length', () => {
  test.each(['+5', '-5', '0x5', '5 5', '5a', '', ' ', '5,', '٥', '99999999999999999999', '5.0', '5\t'])(
    '%j: 400',
    async (value) => {
      expect(
        await statuses(`${POST}Content-Length: ${Buffer.from(value).toString('latin1')}\r\n\r\nhello${SECOND}`),
      ).toEqual([400])
    },
  )

  test('leading zeros are digits', async () => {
    expect(await statuses(`${POST}Content-Length: 0005\r\n\r\nhello${SECOND}`)).toEqual([200, 200])
  })
})

describe('chunks', () => {
  const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
  test.each([
    ['a size that is no number', 'g\r\nabc\r\n0\r\n\r\n'],
    ['a hexadecimal prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a negative size', '-1\r\nabc\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['a size of 16 digits', 'ffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
    ['no size', '\r\nabc\r\n0\r\n\r\n'],
    ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['data longer than its size', '2\r\nabc\r\n0\r\n\r\n'],
    ['a bare CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
  ])('with %s: 400', async (_, body) => {
    expect(await statuses(CHUNKED + body + SECOND)).toEqual([400])
  })

  newer.each([
    ['data shorter than its size', '4\r\nabc\r\n0\r\n\r\n'],
    ['a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
    ['a bare LF behind an extension', '3;x\nabc\r\n0\r\n\r\n'],
    ['a bare LF behind the last chunk', '3\r\nabc\r\n0\n\r\n'],
  ])('with %s: 400', async (_, body) => {
    expect(await statuses(CHUNKED + body + SECOND)).toEqual([400])
  })
})

describe('the request line', () => {
  test.each([
    ['a method in small letters', 'get / HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a method with a colon', 'GE:T / HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['no target', 'GET HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a relative target', 'GET index.html HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a space within the target', 'GET /a b HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a control byte in the target', 'GET /a\x01b HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a tab in the target', 'GET /a\tb HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['NUL in the target', 'GET /a\0b HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['DEL in the target', 'GET /a\x7fb HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['%00', 'GET /a%00 HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a broken percent sign', 'GET /a%zz HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['half a percent sign', 'GET /a% HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a path above the root', 'GET /../a HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['an encoded path above the root', 'GET /%2e%2e/a HTTP/1.1\r\nHost: t\r\n\r\n', 400],
    ['a bare CR', 'GET / HTTP/1.1\rX: y\r\nHost: t\r\n\r\n', 400],
    ['another protocol', 'GET / SPDY/1.1\r\nHost: t\r\n\r\n', 400],
    ['version 0.5', 'GET / HTTP/0.5\r\nHost: t\r\n\r\n', 400],
    ['version 1', 'GET / HTTP/1\r\nHost: t\r\n\r\n', 400],
    ['version 2.0', 'GET / HTTP/2.0\r\nHost: t\r\n\r\n', 505],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', 405],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ])('with %s', async (_, bytes, status) => {
    expect(await statuses(bytes)).toEqual([status])
  })

  newer('CONNECT: 405', async () => {
    expect(await statuses('CONNECT t.test:443 HTTP/1.1\r\nHost: t.test:443\r\nConnection: close\r\n\r\n')).toEqual([
      405,
    ])
  })

  test.each([
    ['a later minor version', 'GET / HTTP/1.9\r\nHost: t\r\nConnection: close\r\n\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: t\nConnection: close\n\n'],
    ['several spaces', 'GET   /   HTTP/1.1  \r\nHost: t\r\nConnection: close\r\n\r\n'],
    ['high bytes', 'GET /\xff\xfe HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n'],
    ['the absolute form', 'GET http://t.test/x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n'],
    ['an unknown method', 'BREW /pot HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n'],
  ])('with %s is understood', async (_, bytes) => {
    expect(await statuses(bytes)).toEqual([200])
  })

  test('HTTP/0.9 gets a body and nothing else', async () => {
    expect(await rawRequest(sluice.port('a'), 'GET /old\r\n')).toBe('/old')
  })

  test('HTTP/0.9 knows only GET', async () => {
    expect(await rawRequest(sluice.port('a'), 'POST /old\r\n')).toContain('400 Bad Request')
  })
})

describe('header lines', () => {
  const get = (line: string) => `GET /first HTTP/1.1\r\n${HOST}${line}\r\n\r\n`
  test.each([
    ['a folded line', 'X-A: 1\r\n folded'],
    ['a line folded by a tab', 'X-A: 1\r\n\tfolded'],
    ['a space before the colon', 'X-A : 1'],
    ['a tab before the colon', 'X-A\t: 1'],
    ['a space within the name', 'X A: 1'],
    ['no name', ': 1'],
    ['NUL in the value', 'X-A: a\0b'],
    ['NUL in the name', 'X\0A: b'],
    ['a control byte in the name', 'X\x01A: b'],
    ['two hosts', 'Host: other.test'],
    ['two equal hosts', 'Host: t.test'],
  ])('with %s: 400', async (_, line) => {
    expect(await statuses(get(line) + SECOND)).toEqual([400])
  })

  newer.each([
    ['Authorization', 'a', 'b'],
    ['Content-Range', 'bytes 0-1/2', 'bytes 0-1/2'],
    ['If-Range', '"a"', '"b"'],
    ['Expect', '100-continue', '100-continue'],
  ])('two lines of %s: 400', async (name, first, second) => {
    expect(await statuses(get(`${name}: ${first}\r\n${name}: ${second}`) + SECOND)).toEqual([400])
  })

  test.each([
    ['an empty host', 'Host: '],
    ['a host with a slash', 'Host: a/b'],
    ['a host with two dots', 'Host: a..b'],
    ['a host with NUL', 'Host: a\0b'],
    ['only a port', 'Host: :80'],
  ])('%s: 400', async (_, line) => {
    expect(await statuses(`GET /first HTTP/1.1\r\n${line}\r\n\r\n${SECOND}`)).toEqual([400])
  })

  newer('a host with a port beyond 65535: 400', async () => {
    expect(await statuses(`GET /first HTTP/1.1\r\nHost: a:70000\r\n\r\n${SECOND}`)).toEqual([400])
  })

  test('HTTP/1.1 without Host: 400', async () => {
    expect(await statuses('GET / HTTP/1.1\r\n\r\n')).toEqual([400])
    await sluice.waitForLog(
      /client sent HTTP\/1\.1 request without "Host" header while reading client request headers, client/,
    )
  })

  test.each(['X_A: 1', 'X(A): 1', 'X"A: 1', 'X,A: 1'])(
    'the invalid name of %j is dropped with its line',
    async (line) => {
      expect(await statuses(get(`${line}\r\nX-Kept: 1`) + SECOND)).toEqual([200, 200])
      const sent = origin.requests.at(-2)
      expect(sent?.header('x-kept')).toBe('1')
      expect(sent?.head).not.toContain(line)
      await sluice.waitForLog(/\[info\].*client sent invalid header line: "X/)
    },
  )

  test('invalid names are kept with ignore_invalid_headers off', async () => {
    expect(await statuses(get('X_A: 1') + SECOND, 'kept')).toEqual([200, 200])
    expect(origin.requests.at(-2)?.header('x_a')).toBe('1')
  })
})

describe('nothing of a refused request', () => {
  test('reaches the origin', async () => {
    const before = origin.requests.length
    await statuses(`${POST}Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SECOND}`)
    expect(origin.requests.length).toBe(before)
  })

  test('is taken from the body of another: a chunked body hides no request', async () => {
    const inner = request('GET', '/smuggled')
    const bytes = `${POST}Transfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n${SECOND}`
    expect(await statuses(bytes)).toEqual([200, 200])
    expect(origin.requests.slice(-2).map((r) => r.target)).toEqual(['/first', '/second'])
  })
})
