// The HTTP/1 front by its bytes: keep-alive, pipelining, bodies, refusals.

import { afterEach, describe, expect, it } from 'vitest'
import { locationLevel } from '../../../src/http/levels.ts'
import { type ContentHandler, type Directive, DONE, defineModule } from '../../../src/http/module.ts'
import { readClientBody } from '../../../src/http/request_body.ts'
import { sendText } from '../../../src/http/send.ts'
import { type Served, serveHttp } from './serve.ts'

const say: ContentHandler = {
  directive: 'say',
  build: () => (r) => sendText(r, 200, 'text/plain', `${r.method} ${r.uri}`),
}
const echo: ContentHandler = {
  directive: 'echo',
  build: () => (r) =>
    readClientBody(r, (body) => {
      sendText(r, 200, 'text/plain', `${body.length}:${body.memory?.latin1Slice() ?? 'file'}`)
    }),
}
const big: ContentHandler = {
  directive: 'big',
  build: () => (r) => {
    const body = Buffer.alloc(1_000_000, 'x')
    r.status = 200
    sendText(r, 200, 'text/plain', body.latin1Slice())
    return DONE
  },
}

/** Asks a body to wait after each piece, and goes on a moment later. */
const pausing: ContentHandler = {
  directive: 'pausing',
  build: () => (r) => {
    r.stream.readBody({
      onBodyData: () => {
        setTimeout(() => r.stream.resumeBody(), 20)
        return false
      },
      onBodyEnd: () => void sendText(r, 200, 'text/plain', 'read'),
      onBodyError: (status) => r.finalize(status),
    })
    return DONE
  },
}

function contentDirective(content: ContentHandler): Directive<object> {
  return {
    in: ['location'],
    args: 0,
    set: (cf) => {
      locationLevel(cf).content = content
    },
  }
}

const test = defineModule<object>({
  name: 'test',
  defaults: {},
  directives: {
    say: contentDirective(say),
    echo: contentDirective(echo),
    big: contentDirective(big),
    pausing: contentDirective(pausing),
  },
})

let served: Served | undefined

function serve(extra = ''): Served {
  served = serveHttp(
    `server {
      listen 127.0.0.1:8080; ${extra}
      location / { say; } location /echo { echo; } location /big { big; } location /pausing { pausing; }
    }`,
    [test],
  )
  return served
}

afterEach(() => {
  served?.stop()
  served = undefined
})

const headOf = (response: string): string => response.slice(0, response.indexOf('\r\n\r\n'))
const bodyOf = (response: string): string => response.slice(response.indexOf('\r\n\r\n') + 4)

describe('HTTP/1 front', () => {
  it('answers a request and closes when asked to', async () => {
    const response = await serve().exchange('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(headOf(response)).toMatch(
      /^HTTP\/1\.1 200 OK\r\nServer: sluice\/.*\r\nDate: .* GMT\r\nContent-Type: text\/plain\r\nContent-Length: 6\r\nConnection: close$/,
    )
    expect(bodyOf(response)).toBe('GET /a')
  })

  it('keeps the connection and answers pipelined requests in order', async () => {
    const client = await serve().open()
    client.send('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n')
    const response = await client.read((text) => text.includes('GET /2'))
    expect(response.match(/GET \/\d/g)).toEqual(['GET /1', 'GET /2'])
    client.send('GET /3 HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await client.read((text) => text.includes('GET /3'))).toContain('Connection: keep-alive')
    client.close()
  })

  it('gives each answer its own head whatever was answered before it', async () => {
    const server = serve(
      'location /bare { server_tokens off; say; } location /hint { keepalive_timeout 60s 30s; say; } location /gone { }',
    )
    const asked = ['/a', '/bb', '/bare', '/hint', '/none', '/gone'].flatMap((path) =>
      ['', 'Connection: close\r\n'].map((line) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${line}\r\n`),
    )
    const ask = async (request: string): Promise<string> => {
      const response = await server.exchange(request, (text) => /(GET|<\/html>)/.test(text))
      return headOf(response).replace(/Date: .*/, 'Date')
    }
    const first = new Map<string, string>()
    for (const request of asked) first.set(request, await ask(request))
    expect(new Set(first.values()).size).toBe(11)
    for (const before of asked) {
      for (const request of asked) {
        await ask(before)
        expect(await ask(request)).toBe(first.get(request))
      }
    }
  })

  it('parses a head that comes byte by byte', async () => {
    const client = await serve().open()
    client.socket.setNoDelay(true)
    for (const byte of 'GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') {
      client.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(bodyOf(await client.read())).toBe('GET /slow')
  })

  it('reads a body with a length and one in chunks', async () => {
    const server = serve()
    const length = await server.exchange(
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
    )
    expect(bodyOf(length)).toBe('5:hello')
    const chunked = await server.exchange(
      'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n',
    )
    expect(bodyOf(chunked)).toBe('5:hello')
  })

  it('goes on behind a body that nobody read', async () => {
    const client = await serve().open()
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234')
    expect(await client.read((text) => text.includes('POST /'))).toContain('keep-alive')
    client.send('56789GET /next HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await client.read((text) => text.includes('GET /next'))).toContain('200 OK')
    client.close()
  })

  it('sends 100 Continue when the body is read', async () => {
    const client = await serve().open()
    client.send(
      'POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n',
    )
    expect(await client.read((text) => text.endsWith('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('ok')
    expect(bodyOf(await client.read())).toBe('2:ok')
  })

  it('spills a large body to a file', async () => {
    const server = serve('client_body_buffer_size 1k; client_body_temp_path /tmp/sluice-test-body;')
    const body = 'y'.repeat(50_000)
    const response = await server.exchange(`POST /echo HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    expect(bodyOf(response)).toBe('50000:file')
    expect(server.log.text).toContain('a client request body is buffered to a temporary file')
  })

  it('sends a large response whole to a slow reader', async () => {
    const response = await serve().exchange('GET /big HTTP/1.0\r\n\r\n')
    expect(bodyOf(response).length).toBe(1_000_000)
  })

  it('leaves ignored lines out however many there are, and keeps the others', async () => {
    const server = serve('large_client_header_buffers 4 8k;')
    const ignored = Array.from({ length: 4000 }, (_, i) => (i % 1000 === 999 ? `X-Kept: ${i}\r\n` : 'a_:\r\n')).join('')
    const head = `Host: x\r\n${ignored}Connection: close\r\n\r\n`
    expect(await server.exchange(`GET /many HTTP/1.1\r\n${head}`)).toContain('GET /many')
    expect(server.log.text.match(/client sent invalid header line: "a_:"/g)?.length).toBe(3996)
    // The head after it has a table of the usual size again, and nothing of the one before.
    const next = await server.exchange('GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(next).toContain('GET /next')
  })

  it('refuses a body that is too large with 413', async () => {
    const response = await serve('client_max_body_size 4;').exchange(
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
    )
    expect(response).toMatch(/^HTTP\/1\.1 413 Request Entity Too Large\r\n/)
    const chunked = await served?.exchange(
      'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    )
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /)
  })

  it.each([
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    [
      'length and chunked',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', 400],
    ['signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n', 400],
    ['chunked in 1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['other encoding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n', 501],
    ['folded line', 'GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n', 400],
    ['space before colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['NUL', 'GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n', 400],
    ['bare CR', 'GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n', 400],
    ['lower-case method', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['version 2', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['above the root', 'GET /../x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['bad escape', 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['TLS to a plain port', '\x16\x03\x01\x02\x00\x01\x00', 400],
    ['long line', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ['long header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(9000)}\r\n\r\n`, 400],
  ])('refuses %s', async (_name, request, status) => {
    const response = await serve().exchange(request)
    expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(response).toContain('Connection: close')
  })

  it('answers HTTP/0.9 with the body alone', async () => {
    expect(await serve().exchange('GET /old\r\n')).toBe('GET /old')
  })

  it('answers a client that has shut its side', async () => {
    const client = await serve().open()
    client.socket.end('GET /half HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(bodyOf(await client.read())).toBe('GET /half')
  })

  it('closes idle connections after the timeout', async () => {
    const client = await serve('keepalive_timeout 50ms;').open()
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.read((text) => text.includes('GET /'))
    await client.read()
    expect(client.closed).toBe(true)
  })
})

describe('a body that was asked to wait', () => {
  it('is awaited no longer than client_body_timeout when it may go on', async () => {
    const client = await serve('client_body_timeout 100ms;').open()
    client.send('POST /pausing HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf')
    expect(await client.read()).toBe('')
    expect(client.closed).toBe(true)
    expect(served?.log.text).toContain('client timed out')
  })

  it('is read to its end', async () => {
    const client = await serve('client_body_timeout 5s;').open()
    client.send('POST /pausing HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf')
    client.send('half')
    expect(bodyOf(await client.read((text) => text.endsWith('read')))).toBe('read')
  })
})
