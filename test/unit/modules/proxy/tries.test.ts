// When a request is tried again: which failures, which methods, how often, and what the client gets in the end.

import { afterEach, describe, expect, test } from 'vitest'
import { httpOrigin, type Origin, rawOrigin } from '../../../harness/origin.ts'
import { type Response, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(stop)

function stop(): void {
  served?.stop()
  served = undefined
}

/** Serves a configuration instead of the one before. */
function start(body: string): Served {
  stop()
  served = serve(body)
  return served
}

function serving(origins: readonly Origin[], directives: string, parameters = 'max_fails=0'): Served {
  const servers = origins.map(({ port }) => `server 127.0.0.1:${port} ${parameters};`)
  return start(`
    upstream u { ${servers.join(' ')} }
    server {
      listen 127.0.0.1:8080; add_header X-Status $upstream_status always;
      location / { proxy_pass http://u; ${directives} }
    }`)
}

function answering(status: number): Promise<Origin> {
  return httpOrigin(() => ({ status, body: String(status) }))
}

describe('proxy_next_upstream', () => {
  test.each([
    [500, 'http_500', '500, 200'],
    [502, 'http_502', '502, 200'],
    [503, 'http_503', '503, 200'],
    [504, 'http_504', '504, 200'],
    [403, 'http_403', '403, 200'],
    [404, 'http_404', '404, 200'],
    [429, 'http_429', '429, 200'],
    [500, 'error timeout', '500'],
    [404, 'http_500', '404'],
    [500, 'http_500 off', '500'],
  ])('a %d with "%s"', async (status, words, expected) => {
    const { get } = serving([await answering(status), await answering(200)], `proxy_next_upstream ${words};`)
    expect((await get('/')).header('X-Status')).toBe(expected)
  })

  test('the last peer’s answer is passed through', async () => {
    const { get } = serving([await answering(500), await answering(503)], 'proxy_next_upstream http_500 http_503;')
    const response = await get('/')
    expect([response.status, response.body, response.header('X-Status')]).toEqual([503, '503', '500, 503'])
  })

  test('an invalid header counts only when it is named', async () => {
    const bad = await rawOrigin(async (c) => {
      await c.request()
      c.end('HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n')
    })
    const good = await answering(200)
    expect((await serving([bad, good], '').get('/')).status).toBe(502)
    const { get } = serving([bad, good], 'proxy_next_upstream invalid_header;')
    expect((await get('/')).header('X-Status')).toBe('502, 200')
  })

  test('a timeout ends with 504 when nobody is left', async () => {
    const silent = await rawOrigin(async (c) => {
      await c.request()
    })
    const { get } = serving([silent, silent], 'proxy_read_timeout 50ms; proxy_next_upstream timeout;')
    const response = await get('/')
    expect([response.status, response.header('X-Status')]).toEqual([504, '504, 504'])
  })

  test('_tries and _timeout bound the tries', async () => {
    const bad = await answering(500)
    const many = [bad, bad, bad, bad]
    const limited = serving(many, 'proxy_next_upstream http_500; proxy_next_upstream_tries 2;')
    expect((await limited.get('/')).header('X-Status')).toBe('500, 500')
    const slow = await rawOrigin(async (c) => {
      await c.request()
      // Time is the subject: longer than the timeout.
      await new Promise((resolve) => setTimeout(resolve, 60))
      c.end('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n')
    })
    const timed = serving([slow, slow, slow], 'proxy_next_upstream http_500; proxy_next_upstream_timeout 50ms;')
    expect((await timed.get('/')).header('X-Status')).toBe('500')
  })

  test('404 does not disable a peer, 500 does', async () => {
    const moody = await httpOrigin(({ target }) => ({ status: Number(target.slice(1)) }))
    const good = await answering(200)
    const { get } = serving([moody, good], 'proxy_next_upstream http_404 http_500;', '')
    const statuses = async (path: string): Promise<string[]> => {
      const list: string[] = []
      for (let i = 0; i < 4; i++) list.push((await get(path)).header('X-Status') ?? '')
      return list
    }
    expect((await statuses('/404')).filter((text) => text === '404, 200')).toHaveLength(2)
    expect((await statuses('/500')).filter((text) => text === '500, 200')).toHaveLength(1)
    expect(served?.log.text).toContain('upstream server temporarily disabled')
  })
})

describe('methods that may do harm when repeated', () => {
  const closing = (): Promise<Origin> =>
    rawOrigin(async (c) => {
      await c.request()
      c.end()
    })

  test.each(['POST', 'LOCK', 'PATCH'])('%s is not sent twice', async (method) => {
    const { request } = serving([await closing(), await answering(200)], '')
    expect((await request(method, '/', {}, 'x')).header('X-Status')).toBe('502')
  })

  test('PUT and DELETE are', async () => {
    for (const method of ['PUT', 'DELETE']) {
      const { request } = serving([await closing(), await answering(200)], '')
      expect((await request(method, '/', {}, 'x')).header('X-Status')).toBe('502, 200')
    }
  })

  test('all are with non_idempotent, and when nothing was sent', async () => {
    const good = await answering(200)
    const asked = serving([await closing(), good], 'proxy_next_upstream error non_idempotent;')
    expect((await asked.request('POST', '/', {}, 'x')).header('X-Status')).toBe('502, 200')
    const gone = await answering(200)
    await gone.close()
    const { request } = serving([gone, good], '')
    expect((await request('POST', '/', {}, 'body')).header('X-Status')).toBe('502, 200')
    expect(good.requests.at(-1)?.body).toBe('body')
  })
})

describe('request bodies', () => {
  test('are sent again, whole, to the next peer', async () => {
    const bad = await answering(500)
    const good = await answering(200)
    const body = 'x'.repeat(300_000)
    // Larger than client_body_buffer_size: from its temporary file.
    const { request } = start(`
      upstream u { server 127.0.0.1:${bad.port}; server 127.0.0.1:${good.port}; }
      server {
        listen 127.0.0.1:8080; client_body_temp_path /tmp/sluice-test-body;
        location / { proxy_pass http://u; proxy_next_upstream http_500; }
      }`)
    const response = await request('PUT', '/', {}, body)
    expect(response.status).toBe(200)
    expect(bad.requests.at(-1)?.body).toBe(body)
    expect(good.requests.at(-1)?.body).toBe(body)
  })

  test('that are streamed are not', async () => {
    const bad = await rawOrigin(async (c) => {
      await c.request()
      c.end()
    })
    const { request } = serving([bad, await answering(200)], 'proxy_request_buffering off;')
    expect((await request('PUT', '/', {}, 'x')).header('X-Status')).toBe('502')
  })

  test('may be replaced by proxy_set_body', async () => {
    const origin = await answering(200)
    const { request } = serving([origin], 'proxy_set_body "[$request_body]";')
    await request('POST', '/', {}, 'abc')
    expect(origin.requests[0]).toMatchObject({ body: '[abc]' })
    expect(origin.requests[0]?.header('Content-Length')).toBe('5')
  })

  test('are there for the upstream of an error page as well', async () => {
    const first = await answering(500)
    const second = await answering(200)
    const { request } = start(`
      server {
        listen 127.0.0.1:8080; error_page 500 = @again;
        location / { proxy_pass http://127.0.0.1:${first.port}; proxy_intercept_errors on; }
        location @again { proxy_pass http://127.0.0.1:${second.port}; }
      }`)
    expect((await request('POST', '/', {}, 'abc')).status).toBe(200)
    expect(second.requests[0]?.body).toBe('abc')
  })
})

describe('hosts with variables', () => {
  async function asking(host: string): Promise<Response> {
    const origin = await answering(200)
    const { get } = start(`
      upstream known { server 127.0.0.1:${origin.port}; }
      server { listen 127.0.0.1:8080; location / { proxy_pass $arg_u; } }`)
    return await get(`/?u=${host.replace('PORT', String(origin.port))}`)
  }

  test('find groups in any case, and addresses', async () => {
    expect((await asking('http://KNOWN')).status).toBe(200)
    expect((await asking('http://127.0.0.1:PORT/x')).status).toBe(200)
  })

  test.each([
    ['ftp://x', 500, 'invalid URL prefix in "ftp://x"'],
    ['http://127.0.0.1:x', 500, 'invalid port in upstream "127.0.0.1:x"'],
    ['http://unknown.test/', 502, 'no resolver defined to resolve unknown.test'],
  ])('%s is %d', async (host, status, message) => {
    expect((await asking(host)).status).toBe(status)
    expect(served?.log.text).toContain(message)
  })
})
