// What happens to the upstream's header fields, and the answers that stand for others: intercepted, redirected inside.

import { afterEach, describe, expect, test } from 'vitest'
import { httpOrigin, rawOrigin } from '../../../harness/origin.ts'
import { type Response, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(stop)

function stop(): void {
  served?.stop()
  served = undefined
}

/** The response to `GET /app/x` through an origin that sends these header lines. */
async function through(
  headers: readonly string[],
  { directives = '', status = 200, server = '' } = {},
): Promise<Response & { port: number }> {
  const origin = await httpOrigin(() => ({
    status,
    headers: headers.map((line) => line.replaceAll('ORIGIN', `127.0.0.1:${origin.port}`)),
  }))
  stop()
  served = serve(`
    server {
      listen 127.0.0.1:8080; server_name t.test; ${server}
      location /app/ { proxy_pass http://127.0.0.1:${origin.port}/base/; ${directives.replaceAll('ORIGIN', `127.0.0.1:${origin.port}`)} }
    }`)
  return { ...(await served.get('/app/x')), port: origin.port }
}

describe('fields', () => {
  test('that proxy_hide_header names are hidden, in any case', async () => {
    const r = await through(['X-Secret: 1', 'X-Open: 2', 'ETag: "e"'], {
      directives: 'proxy_hide_header x-secret; proxy_hide_header ETAG;',
    })
    expect([r.header('X-Secret'), r.header('X-Open'), r.header('ETag')]).toEqual([undefined, '2', undefined])
  })

  test('that are hidden by default pass with proxy_pass_header', async () => {
    const r = await through(['Server: theirs', 'Date: then', 'X-Pad: p', 'X-Accel-Expires: 1'], {
      directives: 'proxy_pass_header Server; proxy_pass_header date; proxy_pass_header X-Pad;',
    })
    expect([r.header('Server'), r.header('Date'), r.header('X-Pad')]).toEqual(['theirs', 'then', 'p'])
    expect(r.header('X-Accel-Expires')).toBeUndefined()
    const none = await through([], { directives: 'proxy_pass_header Server; proxy_pass_header Date;' })
    expect([none.header('Server'), none.header('Date')]).toEqual([undefined, undefined])
  })

  test('that may come once are taken once', async () => {
    const r = await through([
      'ETag: "1"',
      'ETag: "2"',
      'Content-Type: a/a',
      'Content-Type: b/b',
      'Expires: x',
      'Expires: y',
    ])
    expect(r.lines.filter((line) => line.startsWith('ETag'))).toEqual(['ETag: "1"'])
    expect(r.header('Content-Type')).toBe('a/a')
    expect(r.lines.filter((line) => line.startsWith('Expires'))).toEqual(['Expires: x'])
    expect(served?.log.text).toContain('[warn]')
    expect(served?.log.text).toContain(
      'upstream sent duplicate header line: "ETag: "2"", previous value: "ETag: "1"", ignored',
    )
  })

  test('keep their order around rewritten ones', async () => {
    const r = await through(['X-1: a', 'Location: http://ORIGIN/base/y', 'X-2: b', 'Set-Cookie: c', 'X-3:d'], {
      directives: 'proxy_redirect http://ORIGIN/ http://z/;',
    })
    const names = r.lines.map((line) => line.split(':')[0])
    expect(names.slice(names.indexOf('X-1'))).toEqual(['X-1', 'Location', 'X-2', 'Set-Cookie', 'X-3'])
    expect(r.header('X-3')).toBe('d')
  })
})

describe('proxy_redirect', () => {
  const location = async (value: string, directives = '', server = ''): Promise<string | undefined> =>
    (await through([`Location: ${value}`], { directives, server, status: 302 })).header('Location')

  test('by default maps the URL of proxy_pass back to the location, made absolute', async () => {
    expect(await location('http://ORIGIN/base/y?z')).toMatch(/^http:\/\/(localhost|t\.test)(:\d+)?\/app\/y\?z$/)
    expect(await location('http://ORIGIN/base/y', '', 'absolute_redirect off;')).toBe('/app/y')
    expect(await location('http://other/base/y')).toBe('http://other/base/y')
    expect(await location('/relative')).toBe('/relative')
  })

  test('off passes what came', async () => {
    expect(await location('http://ORIGIN/base/y', 'proxy_redirect off;')).toMatch(/^http:\/\/127.*\/base\/y$/)
  })

  test('takes the first rule that matches; prefixes and regexes with variables', async () => {
    const rules =
      'proxy_redirect http://a/ http://$host/A/; proxy_redirect ~^http://([a-z]+)/x(.*)$ http://z/$1$2; proxy_redirect default;'
    expect(await location('http://a/q', rules)).toBe('http://localhost/A/q')
    expect(await location('http://b/x1', rules)).toBe('http://z/b1')
    expect(await location('http://ORIGIN/base/y', rules)).toMatch(/\/app\/y$/)
  })

  test('reaches the URL in Refresh', async () => {
    const r = await through(['Refresh: 5; URL=http://ORIGIN/base/y'])
    expect(r.header('Refresh')).toBe('5; URL=/app/y')
  })
})

describe('proxy_cookie_', () => {
  const cookie = async (value: string, directives: string): Promise<string | undefined> =>
    (await through([`Set-Cookie: ${value}`], { directives })).header('Set-Cookie')

  test('domain and path rewrite attributes', async () => {
    const rules =
      'proxy_cookie_domain old.test new.$server_name; proxy_cookie_path /base/ /app/; proxy_cookie_path ~^/r/(.*) /$1;'
    expect(await cookie('a=1; Domain=.OLD.test; path=/base/x; Secure', rules)).toBe(
      'a=1; Domain=.new.t.test; path=/app/x; Secure',
    )
    expect(await cookie('a=1; Path=/r/x', rules)).toBe('a=1; Path=/x')
    expect(await cookie('a=1;Path=/other;  HttpOnly', rules)).toBe('a=1;Path=/other;  HttpOnly')
  })

  test('flags are added and removed', async () => {
    expect(await cookie('a=1; Path=/', 'proxy_cookie_flags a secure httponly samesite=strict;')).toBe(
      'a=1; Path=/; Secure; HttpOnly; SameSite=Strict',
    )
    expect(
      await cookie('a=1; Secure; HttpOnly; SameSite=Lax', 'proxy_cookie_flags ~. nosecure nohttponly nosamesite;'),
    ).toBe('a=1')
    expect(await cookie('b=1', 'proxy_cookie_flags a secure;')).toBe('b=1')
  })
})

describe('proxy_intercept_errors', () => {
  test('shows our page for statuses that have one, and keeps the challenge of a 401', async () => {
    const server = 'error_page 401 404 /own; location /own { return 200 "own page"; }'
    const directives = 'proxy_intercept_errors on;'
    const missing = await through(['X-A: 1'], { status: 404, directives, server })
    expect([missing.status, missing.body, missing.header('X-A')]).toEqual([404, 'own page', undefined])
    const challenge = await through(['WWW-Authenticate: Basic', 'WWW-Authenticate: Digest'], {
      status: 401,
      directives,
      server,
    })
    expect(challenge.status).toBe(401)
    expect(challenge.lines.filter((line) => line.startsWith('WWW-'))).toEqual([
      'WWW-Authenticate: Basic',
      'WWW-Authenticate: Digest',
    ])
    const other = await through(['X-A: 1'], { status: 403, directives, server })
    expect([other.status, other.header('X-A')]).toEqual([403, '1'])
  })
})

describe('X-Accel-', () => {
  const inside = 'location /in { return 200 "$uri $args $request_method"; } location @n { return 200 "named $uri"; }'

  test('Redirect answers from another location, keeping the fields that describe the content', async () => {
    const r = await through(
      [
        'X-Accel-Redirect: /in/a%20b?c=d',
        'Set-Cookie: s=1',
        'Content-Disposition: inline',
        'X-Other: 1',
        'Cache-Control: no-store',
      ],
      { server: inside },
    )
    expect(r.body).toBe('/in/a b c=d GET')
    expect([
      r.header('Set-Cookie'),
      r.header('Content-Disposition'),
      r.header('Cache-Control'),
      r.header('X-Other'),
    ]).toEqual(['s=1', 'inline', 'no-store', undefined])
    expect((await through(['X-Accel-Redirect: @n'], { server: inside })).body).toBe('named /app/x')
  })

  test.each(['..', '/in/../x', '/in/%2e%2e/x', ''])('Redirect to "%s" is refused', async (target) => {
    const r = await through([`X-Accel-Redirect: ${target}`], { server: inside })
    expect(r.status).toBe(404)
    expect(served?.log.text).toContain(`unsafe URI "${target}" was detected`)
  })

  test('Redirect may be ignored', async () => {
    const r = await through(['X-Accel-Redirect: /in', 'X-A: 1'], {
      server: inside,
      directives: 'proxy_ignore_headers X-Accel-Redirect;',
    })
    expect(r.header('X-A')).toBe('1')
  })
})

describe('odd answers', () => {
  test('of HTTP/0.9 pass without a head', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.end('just text')
    })
    stop()
    served = serve(`server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:${origin.port}; } }`)
    const client = await served.open()
    client.send('GET / HTTP/1.0\r\n\r\n')
    expect(await client.read()).toBe('just text')
    client.close()
    expect(served.log.text).toContain('upstream sent no valid HTTP/1.0 header')
  })

  test('that switch protocols are refused aloud', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n')
    })
    stop()
    served = serve(`server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:${origin.port}; } }`)
    expect((await served.get('/')).status).toBe(502)
    expect(served.log.text).toContain('upstream switched protocols, which is not supported yet')
  })

  test('more than Content-Length is cut and logged', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour-and-more')
    })
    stop()
    served = serve(`server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:${origin.port}; } }`)
    expect((await served.get('/')).body).toBe('four')
    expect(served.log.text).toMatch(
      /\[warn\].*upstream sent more data than specified in "Content-Length" header while reading upstream/,
    )
  })
})
