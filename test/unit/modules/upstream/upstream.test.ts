// Upstream blocks: what the configuration may say, and what the $upstream_* variables tell of a request's tries.

import { afterEach, describe, expect, test } from 'vitest'
import { httpOrigin, rawOrigin } from '../../../harness/origin.ts'
import { errorOf, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

describe('an upstream block', () => {
  test.each([
    ['upstream u { }', 'no servers are inside upstream'],
    ['upstream u { server 127.0.0.1; } upstream U { server 127.0.0.1; }', 'duplicate upstream "U"'],
    ['upstream u { server 127.0.0.1 weight=0; }', 'invalid parameter "weight=0"'],
    ['upstream u { server 127.0.0.1 weight=x; }', 'invalid parameter "weight=x"'],
    ['upstream u { server 127.0.0.1 max_fails=-1; }', 'invalid parameter "max_fails=-1"'],
    ['upstream u { server 127.0.0.1 fail_timeout=1x; }', 'invalid parameter "fail_timeout=1x"'],
    ['upstream u { server 127.0.0.1 backup=1; }', 'invalid parameter "backup=1"'],
    ['upstream u { server 127.0.0.1 nonsense; }', 'invalid parameter "nonsense"'],
    ['upstream u { server nohost.invalid; }', 'host not found in upstream "nohost.invalid"'],
    ['upstream u { server 127.0.0.1:0; }', 'invalid port in upstream "127.0.0.1:0"'],
    ['upstream u { server 127.0.0.1:65536; }', 'invalid port in upstream "127.0.0.1:65536"'],
    ['upstream u { server [::1; }', 'invalid host in upstream "[::1"'],
    ['upstream u { server [fe80::1%lo]; }', 'invalid host in upstream "[fe80::1%lo]"'],
    ['upstream u { server :80; }', 'no host in upstream ":80"'],
    ['upstream u { server unix:; }', 'no path in the unix domain socket in upstream "unix:"'],
    ['upstream u { server 127.0.0.1; keepalive x; }', 'invalid value "x" in "keepalive" directive'],
    ['upstream u { server 127.0.0.1; keepalive 1 remote; }', 'invalid parameter "remote"'],
    ['upstream u { server 127.0.0.1; keepalive 1; keepalive 2; }', '"keepalive" directive is duplicate'],
    ['upstream u { server 127.0.0.1; ip_hash; }', '"ip_hash" is not supported yet'],
    ['upstream u { server 127.0.0.1; zone u 64k; }', '"zone" is not supported yet'],
    ['upstream u { server localhost resolve; }', 'parameter "resolve" is not supported yet'],
    [
      'upstream u { server 127.0.0.1; } server { location / { proxy_pass http://u:81; } }',
      'upstream "u" may not have port 81',
    ],
    ['server { location / { proxy_pass http://nohost.invalid; } }', 'host not found in upstream "nohost.invalid"'],
  ])('%s is refused', (body, message) => {
    expect(errorOf(body)).toBe(message)
  })

  test('may follow its use, in any case, and takes all parameters', () => {
    expect(
      errorOf(`
        server { location / { proxy_pass http://LATER/x; } }
        upstream later {
          server 127.0.0.1:81 weight=2 max_conns=3 max_fails=4 fail_timeout=1m backup;
          server [::1] down;
          server unix:/tmp/x;
          server localhost:82;
          keepalive 4 local; keepalive_requests 10; keepalive_time 1m; keepalive_timeout 5s;
        }`),
    ).toBe('')
  })
})

const SHOW =
  'add_header X-Addr "$upstream_addr" always; add_header X-Status "$upstream_status" always; ' +
  'add_header X-Connect "$upstream_connect_time" always; add_header X-Header "$upstream_header_time" always; ' +
  'add_header X-Time "$upstream_response_time" always; add_header X-Length "$upstream_response_length" always;'

describe('the upstream variables', () => {
  test('are absent when no upstream was used', async () => {
    served = serve(`server { listen 127.0.0.1:8080; ${SHOW} location / { return 200 "[$upstream_addr]"; } }`)
    const response = await served.get('/')
    expect(response.body).toBe('[]')
    expect(response.header('X-Addr')).toBeUndefined()
  })

  test('list every try of a use', async () => {
    const good = await httpOrigin(() => 'fine')
    const bad = await rawOrigin(async (c) => {
      await c.request()
      c.end()
    })
    served = serve(`
      upstream u { server 127.0.0.1:${bad.port}; server 127.0.0.1:${good.port}; }
      server { listen 127.0.0.1:8080; ${SHOW} location / { proxy_pass http://u; } }`)
    const response = await served.get('/')
    expect(response.body).toBe('fine')
    expect(response.header('X-Addr')).toBe(`127.0.0.1:${bad.port}, 127.0.0.1:${good.port}`)
    expect(response.header('X-Status')).toBe('502, 200')
    expect(response.header('X-Connect')).toMatch(/^\d\.\d{3}, \d\.\d{3}$/)
    expect(response.header('X-Header')).toMatch(/^-, \d\.\d{3}$/)
    // The last try is not over when the head is sent.
    expect(response.header('X-Time')).toMatch(/^\d\.\d{3}, -$/)
    expect(response.header('X-Length')).toBe('0, 0')
  })

  test('survive the internal redirect of an error page, and list its upstream behind a colon', async () => {
    const origin = await httpOrigin(() => 'sorry')
    const dead = await rawOrigin((c) => c.reset())
    served = serve(`
      server {
        listen 127.0.0.1:8080; ${SHOW} error_page 502 /sorry; error_page 504 = /local;
        location / { proxy_pass http://127.0.0.1:${dead.port}; }
        location = /sorry { proxy_pass http://127.0.0.1:${origin.port}; }
        location /local { return 200; }
      }`)
    const response = await served.get('/')
    expect([response.status, response.body]).toEqual([502, 'sorry'])
    expect(response.header('X-Addr')).toBe(`127.0.0.1:${dead.port} : 127.0.0.1:${origin.port}`)
    expect(response.header('X-Status')).toBe('502 : 200')
  })

  test('still tell of the failed tries on a page of our own', async () => {
    const dead = await rawOrigin((c) => c.reset())
    served = serve(`
      server {
        listen 127.0.0.1:8080; error_page 502 /local;
        location / { proxy_pass http://127.0.0.1:${dead.port}; }
        location = /local { return 200 "[$upstream_status]"; }
      }`)
    expect((await served.get('/')).body).toBe('[502]')
  })

  test('name the group when no peer is live', async () => {
    served = serve(`
      upstream u { server 127.0.0.1:1 down; }
      server { listen 127.0.0.1:8080; ${SHOW} location / { proxy_pass http://u; } }`)
    const response = await served.get('/')
    expect(response.status).toBe(502)
    expect(response.header('X-Addr')).toBe('u')
    expect(response.header('X-Status')).toBe('502')
    expect(response.header('X-Connect')).toBe('-')
    expect(served.log.text).toContain('no live upstreams while connecting to upstream')
    expect(served.log.text).toContain('upstream: "http://u/"')
  })

  test('give fields and cookies of the last response, hidden ones too', async () => {
    const origin = await httpOrigin(() => ({
      headers: ['X-Pad: a', 'X-pad: b', 'Set-Cookie: one=1; Path=/', 'Set-Cookie: two =  2 ; Path=/', 'X_Under: u'],
    }))
    served = serve(`
      server {
        listen 127.0.0.1:8080;
        add_header X-Got "$upstream_http_x_pad|$upstream_http_none|$upstream_http_x_under";
        add_header X-Cookies "$upstream_cookie_one|$upstream_cookie_TWO|$upstream_cookie_three";
        location / { proxy_pass http://127.0.0.1:${origin.port}; }
      }`)
    const response = await served.get('/')
    expect(response.header('X-Got')).toBe('a, b||u')
    expect(response.header('X-Cookies')).toBe('1|2|')
    expect(response.header('X-Pad')).toBeUndefined()
  })
})
