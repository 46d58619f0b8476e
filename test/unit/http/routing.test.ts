// Which server and which location a request gets, through real configurations.

import { afterEach, describe, expect, it } from 'vitest'
import { locationLevel } from '../../../src/http/levels.ts'
import { type ContentHandler, defineModule } from '../../../src/http/module.ts'
import { sendText } from '../../../src/http/send.ts'
import { type Served, serveHttp } from './serve.ts'

const test = defineModule<{ word: string }>({
  name: 'test_routing',
  defaults: { word: 'none' },
  merge: (_parent, own) => ({ word: own.word ?? 'none' }),
  directives: {
    say: {
      in: ['server', 'location'],
      args: 1,
      set: (cf, own) => {
        own.word = cf.args[1] ?? ''
        if (cf.level.context === 'location') locationLevel(cf).content = content
      },
    },
  },
  phases: [{ at: 'content', build: (conf) => (r) => sendText(r, 200, 'text/plain', conf.word) }],
})

const content: ContentHandler = {
  directive: 'say',
  build: (location) => (r) => sendText(r, 200, 'text/plain', (location.confs[test.id] as { word: string }).word),
}

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

async function ask(uri: string, host = 'x'): Promise<string> {
  const response = await (served as Served).exchange(
    `GET ${uri} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  )
  const status = response.slice(9, 12)
  if (status !== '200') return `${status} ${/Location: (.*)\r/.exec(response)?.[1] ?? ''}`.trim()
  return response.slice(response.indexOf('\r\n\r\n') + 4)
}

describe('locations', () => {
  it('follow nginx: exact, longest prefix, ^~, first regex, nested', async () => {
    served = serveHttp(
      `server { listen 127.0.0.1:8080;
        location = / { say exact; }
        location / { say root; }
        location ^~ /images/ { say images; }
        location ~* \\.(gif|jpg)$ { say regex; }
        location ~ casefull { say casefull; }
        location /foo { say foo; location /foo/bar { say foobar; } location ~ \\.php$ { say php; } }
        location = /foo/ { say foo-exact; }
        location ^~ /up { say up; location /up/in { say upin; } }
      }`,
      [test],
    )
    expect(await ask('/')).toBe('exact')
    expect(await ask('/x')).toBe('root')
    expect(await ask('/images/t.gif')).toBe('images')
    expect(await ask('/t.GIF')).toBe('regex')
    expect(await ask('/casefull/t.gif')).toBe('regex')
    expect(await ask('/casefull/')).toBe('casefull')
    expect(await ask('/CASEFULL/')).toBe('root')
    expect(await ask('/foo/')).toBe('foo-exact')
    expect(await ask('/foo/bars')).toBe('foobar')
    expect(await ask('/foo/x.php')).toBe('php')
    expect(await ask('/foo/x.gif')).toBe('regex')
    expect(await ask('/up/in.gif')).toBe('upin')
    expect(await ask('/%66oo')).toBe('foo')
  })

  it.each([
    ['location /a { } location /a { }', 'duplicate location "/a" in /test/sluice.conf:1'],
    ['location = /a { } location = /a { }', 'duplicate location "/a"'],
    ['location /a { location /b { } }', 'location "/b" is outside location "/a"'],
    ['location = /a { location /a/b { } }', 'location "/a/b" cannot be inside the exact location "/a"'],
    ['location ! /a { }', 'invalid location modifier "!"'],
    ['location /a { location @b { } }', 'named location "@b" can be on the server level only'],
    ['location ~ "(" { }', 'pcre2_compile() failed'],
  ])('refuse %s', (text, message) => {
    expect(() => serveHttp(`server { listen 127.0.0.1:8080; ${text} }`, [test])).toThrow(message)
  })
})

describe('servers', () => {
  it('are chosen by exact name, suffix, prefix, regex, default', async () => {
    served = serveHttp(
      `server { listen 127.0.0.1:8080; server_name a.example; say exact; }
       server { listen 127.0.0.1:8080; server_name *.example; say suffix; }
       server { listen 127.0.0.1:8080; server_name .sub.example; say dot; }
       server { listen 127.0.0.1:8080; server_name www.*; say prefix; }
       server { listen 127.0.0.1:8080; server_name ~^r\\d+\\.net$; say regex; }
       server { listen 127.0.0.1:8080 default_server; server_name d; say default; }
       server { listen 127.0.0.1:8080; say empty; }`,
      [test],
    )
    expect(await ask('/', 'A.example')).toBe('exact')
    expect(await ask('/', 'a.example:8080')).toBe('exact')
    expect(await ask('/', 'a.example.')).toBe('exact')
    expect(await ask('/', 'b.c.example')).toBe('suffix')
    expect(await ask('/', 'sub.example')).toBe('dot')
    expect(await ask('/', 'x.sub.example')).toBe('dot')
    expect(await ask('/', 'www.some.org')).toBe('prefix')
    expect(await ask('/', 'r12.net')).toBe('regex')
    expect(await ask('/', 'other')).toBe('default')
    const old = await served.exchange('GET / HTTP/1.0\r\n\r\n')
    expect(old.endsWith('empty')).toBe(true)
  })

  it.each([
    ['server_name a*.b;', 'invalid server name or wildcard "a*.b" on 127.0.0.1:8080'],
    ['server_name *;', 'server name "*" is invalid'],
    ['server_name ~;', 'empty regex in server name "~"'],
    ['listen 127.0.0.1:8080;', 'a duplicate listen 127.0.0.1:8080'],
    ['listen 127.0.0.1:70000;', 'invalid port in "127.0.0.1:70000" of the "listen" directive'],
    ['listen 127.0.0.1:81 foo;', 'invalid parameter "foo"'],
    ['listen unix:;', 'no path in the unix domain socket in "unix:" of the "listen" directive'],
    ['listen [zz]:80;', 'invalid IPv6 address in "[zz]:80" of the "listen" directive'],
    ['listen nowhere:80;', 'host not found in "nowhere:80" of the "listen" directive'],
  ])('refuse %s', (text, message) => {
    expect(() => serveHttp(`server { listen 127.0.0.1:8080; ${text} }`, [test])).toThrow(message)
  })

  it('refuse two defaults and options given twice', () => {
    const twice = (listen: string): string => `server { ${listen} } server { ${listen} }`
    expect(() => serveHttp(twice('listen 127.0.0.1:8080 default_server;'), [test])).toThrow(
      'a duplicate default server for 127.0.0.1:8080',
    )
    expect(() => serveHttp(twice('listen 127.0.0.1:8080 backlog=10;'), [test])).toThrow(
      'duplicate listen options for 127.0.0.1:8080',
    )
  })
})
