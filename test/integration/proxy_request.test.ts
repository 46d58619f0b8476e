// What the origin is sent: request line, headers, body.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, type HttpRequestText, request } from '../harness/http_text.ts'
import { httpOrigin, type Origin, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'

let origin: Origin
let sluice: ServerProcess

beforeAll(async () => {
  origin = await httpOrigin(() => 'ok', { scope: 'file' })
  sluice = await startSluice({
    scope: 'file',
    ports: { origin: origin.port },
    http: `
      upstream back { server 127.0.0.1:%%PORT:origin%%; }
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.1; }
        location /group { proxy_pass http://back; proxy_http_version 1.1; }
        location /uri/ { proxy_pass http://127.0.0.1:%%PORT:origin%%/base/; }
        location /root/ { proxy_pass http://127.0.0.1:%%PORT:origin%%/; }
        location /dir/ { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
        location /old { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.0; }
        location /set {
          proxy_pass http://127.0.0.1:%%PORT:origin%%;
          proxy_set_header Host $host;
          proxy_set_header X-Real-IP $remote_addr;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header Accept-Encoding "";
          proxy_set_header X-Empty "$arg_missing";
          proxy_set_header User-Agent "sluice";
        }
        location /none { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_pass_request_headers off; }
        location /method { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_method PUT; }
        location /no-body { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
        location /var { proxy_pass http://127.0.0.1:%%PORT:origin%%/v$is_args$args; }
      }`,
  })
})
afterAll(async () => {
  await sluice.stop()
  await origin.close()
})

/** What the origin got for a request. */
async function sent(bytes: string): Promise<HttpRequestText> {
  const before = origin.requests.length
  expect((await ask(sluice.port('a'), bytes)).status).toBe(200)
  expect(origin.requests.length).toBe(before + 1)
  return origin.requests[before] as HttpRequestText
}

describe('the request line', () => {
  test.each([
    ['is passed as received without a URI part', '/a/../b//c%41?x=%2F&y', '/a/../b//c%41?x=%2F&y'],
    ['keeps high bytes', '/\xff\xfe?\xfd', '/\xff\xfe?\xfd'],
    ['replaces the location by the URI part', '/uri/x/y?z=1', '/base/x/y?z=1'],
    ['normalises the rest behind a URI part', '/uri/a/../b//c', '/base/b/c'],
    ['escapes the rest again', '/uri/a%20b%3F%25', '/base/a%20b%3F%25'],
    ['drops the location for a URI part of /', '/root/x', '/x'],
    ['is taken from variables as they are', '/var?q=1%20', '/v?q=1%20'],
  ])('%s', async (_, target, expected) => {
    expect((await sent(getOnce(target))).target).toBe(expected)
  })

  test('has the version of proxy_http_version', async () => {
    expect((await sent(getOnce('/old'))).version).toBe('1.0')
    expect((await sent(getOnce('/new'))).version).toBe('1.1')
  })

  test('has the method of proxy_method', async () => {
    expect((await sent(getOnce('/method'))).method).toBe('PUT')
  })

  test('an unknown method is passed', async () => {
    expect((await sent(request('PURGE', '/x', ['Connection: close']))).method).toBe('PURGE')
  })

  test('a location with a final slash redirects the name without it', async () => {
    const response = await ask(sluice.port('a'), getOnce('/dir?x=1'))
    expect(response.status).toBe(301)
    expect(response.header('location')).toMatch(/^http:\/\/t\.test(:\d+)?\/dir\/\?x=1$/)
  })
})

describe('headers', () => {
  test('Host is that of proxy_pass, or the name of the group', async () => {
    expect((await sent(getOnce('/x'))).header('host')).toBe(`127.0.0.1:${origin.port}`)
    expect((await sent(getOnce('/group'))).header('host')).toBe('back')
  })

  test('the rest comes in the order, case and spelling of the client', async () => {
    const lines = [
      'X-One: 1',
      'x-two:   spaced out  ',
      'X-THREE: a, b',
      'Cookie: a=1; b=2',
      'X-One: again',
      'Accept: */*',
      'X-None:',
    ]
    const { headers } = await sent(getOnce('/x', lines))
    const rest = headers.filter(({ name }) => !/^(host|connection)$/i.test(name))
    expect(rest.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'X-One: 1',
      'x-two: spaced out',
      'X-THREE: a, b',
      'Cookie: a=1; b=2',
      'X-One: again',
      'Accept: */*',
      'X-None: ',
    ])
  })

  test('bytes above 127 pass unchanged', async () => {
    expect((await sent(getOnce('/x', ['X-High: \xe9\xff\x80']))).header('x-high')).toBe('\xe9\xff\x80')
  })

  test('those of the hop are not passed', async () => {
    const hop = ['Keep-Alive: timeout=5', 'TE: trailers', 'Upgrade: websocket', 'Proxy-Connection: keep-alive']
    const { head } = await sent(
      request('GET', '/x', ['Connection: close', ...(STORIES_OF_NGINX ? hop.slice(0, 1) : hop)]),
    )
    expect(head).not.toMatch(/^(keep-alive|te|upgrade|proxy-connection):/im)
  })

  test.skipIf(STORIES_OF_NGINX)('no Connection is sent with HTTP/1.1', async () => {
    expect((await sent(getOnce('/x'))).header('connection')).toBeUndefined()
  })

  test('proxy_set_header adds, replaces and removes', async () => {
    const r = await sent(
      getOnce('/set', ['Accept-Encoding: gzip', 'User-Agent: curl', 'X-Forwarded-For: 1.2.3.4', 'X-Kept: 1']),
    )
    expect(r.header('host')).toBe('t.test')
    expect(r.header('x-real-ip')).toBe('127.0.0.1')
    expect(r.header('x-forwarded-for')).toBe('1.2.3.4, 127.0.0.1')
    expect(r.header('accept-encoding')).toBeUndefined()
    expect(r.header('x-empty')).toBeUndefined()
    expect(r.headers.filter(({ name }) => name.toLowerCase() === 'user-agent')).toEqual([
      { name: 'User-Agent', value: 'sluice' },
    ])
    expect(r.header('x-kept')).toBe('1')
  })

  test('proxy_pass_request_headers off passes none of the client', async () => {
    expect((await sent(getOnce('/none', ['X-A: 1']))).header('x-a')).toBeUndefined()
  })
})

describe('the body', () => {
  test('can be left out', async () => {
    const r = await sent(request('POST', '/no-body', ['Connection: close', 'Content-Length: 3'], 'abc'))
    expect([r.body, r.header('content-length')]).toEqual(['', undefined])
  })

  test('a request without one gets no Content-Length', async () => {
    expect((await sent(getOnce('/x'))).header('content-length')).toBeUndefined()
  })

  test('comes whole before the origin is asked', async () => {
    const before = origin.requests.length
    const connections = origin.connections.length
    const client = await Client.connect(sluice.port('a'))
    client.send(request('POST', '/slowly', ['Connection: close', 'Content-Length: 10'], 'abc'))
    client.send('defg')
    await new Promise((resolve) => setTimeout(resolve, 50)) // time is the subject: nothing may happen meanwhile
    expect(origin.connections.length).toBe(connections)
    client.send('hij')
    expect((await client.response()).status).toBe(200)
    expect(origin.requests[before]?.body).toBe('abcdefghij')
    client.destroy()
  })
})

describe('the server name that an origin is told in TLS', () => {
  const greeting = async (location: string, target: string): Promise<string> => {
    const hello = await rawOrigin(async (c) => {
      await c.receives(/./s)
      c.end()
    })
    const front = await startSluice({
      ports: { hello: hello.port },
      http: `
        upstream block.test { server 127.0.0.1:%%PORT:hello%%; }
        server { listen 127.0.0.1:%%PORT:a%%; location / { ${location} } }`,
    })
    expect((await ask(front.port('a'), getOnce(target))).status).toBe(502)
    return hello.connections[0]?.received ?? ''
  }

  test.each([
    ['proxy_pass https://block.test; proxy_ssl_server_name on;', 'block.test'],
    ['proxy_pass https://$arg_to; proxy_ssl_server_name on;', 'block.test'],
    ['proxy_pass https://block.test; proxy_ssl_server_name on; proxy_ssl_name own.test;', 'own.test'],
    ['proxy_pass https://block.test; proxy_ssl_server_name on; proxy_ssl_name $arg_name;', 'asked.test'],
  ])('with %s', async (location, name) => {
    const bytes = await greeting(location, '/?to=block.test&name=asked.test')
    expect(/(block|own|asked)\.test/.exec(bytes)?.[0]).toBe(name)
  })

  test('is none by default, and none that is no name', async () => {
    expect(await greeting('proxy_pass https://block.test;', '/')).not.toContain('.test')
    const odd = 'proxy_pass https://block.test; proxy_ssl_server_name on; proxy_ssl_name $arg_name;'
    expect(await greeting(odd, '/?name=a/b.test')).not.toContain('.test')
  })
})
