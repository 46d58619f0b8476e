// Bad configuration is refused in nginx's words with file and line. Each row is a configuration and the message; the line is
// that of the `#here` mark, or of the whole file's end where a row says so.

import { describe, expect, test } from 'vitest'
import { testConf } from '../harness/run.ts'

const PREFIX = 'pid server.pid;\nevents { }\n'
const http = (text: string) => `${PREFIX}http {\n${text}\n}\n`
const server = (text: string) => http(`server {\nlisten 127.0.0.1:%%PORT:a%%;\n${text}\n}`)
const location = (text: string) => server(`location /x {\n${text}\n}`)

/** Messages of a refused configuration without the prefix of date and pid. */
async function refused(conf: string, files: Record<string, string> = {}): Promise<string> {
  const { code, stderr } = await testConf(conf.replaceAll('#here', ''), files)
  expect(code, stderr).toBe(1)
  const lines = stderr.trimEnd().split('\n')
  expect(lines.at(-1)).toBe('sluice: configuration file %%DIR%%/server.conf test failed')
  const emerg = lines.filter((line) => line.startsWith('sluice: [emerg] '))
  return emerg.map((line) => line.slice('sluice: [emerg] '.length)).join('\n')
}

/** `MESSAGE in FILE:LINE`, the line being that of the mark. */
function here(message: string, conf: string): string {
  const line = conf.slice(0, conf.indexOf('#here')).split('\n').length
  return `${message} in %%DIR%%/server.conf:${line}`
}

type Row = readonly [message: string, conf: string]

const LANGUAGE: readonly Row[] = [
  ['unknown directive "foo"', 'foo bar; #here\n'],
  ['unknown directive "proxypass"', location('proxypass http://127.0.0.1; #here')],
  ['"server" directive is not allowed here', `${PREFIX}server { #here\n}\n`],
  ['"proxy_pass" directive is not allowed here', server('proxy_pass http://127.0.0.1; #here')],
  ['"worker_processes" directive is not allowed here', http('worker_processes 1; #here')],
  ['"limit_req_zone" directive is not allowed here', server('limit_req_zone $uri zone=a:1m rate=1r/s; #here')],
  ['invalid number of arguments in "root" directive', location('root; #here')],
  ['invalid number of arguments in "root" directive', location('root a b; #here')],
  ['invalid number of arguments in "limit_req_zone" directive', http('limit_req_zone $uri zone=a:1m; #here')],
  ['invalid number of arguments in "limit_req" directive', location('limit_req zone=a burst=1 nodelay more; #here')],
  ['invalid number of arguments in "server" directive', http('server a { #here\n}')],
  ['directive "root" is not terminated by ";"', location('root a { #here\n}')],
  ['directive "server" has no opening "{"', http('server; #here')],
  ['unexpected ";"', location('root a;; #here')],
  ['unexpected "{"', `${PREFIX}{ #here\n}\n`],
  ['unexpected "}"', `${PREFIX}http { }\n} #here\n`],
  ['unexpected "}"', location('root a } #here')],
  ['unexpected "x"', location('root "a"x; #here')],
  [
    'invalid value "maybe" in "limit_req_dry_run" directive, it must be "on" or "off"',
    location('limit_req_dry_run maybe; #here'),
  ],
  [
    'invalid value "maybe" in "proxy_buffering" directive, it must be "on" or "off"',
    location('proxy_buffering maybe; #here'),
  ],
  ['"root" directive is duplicate', location('root a; root b; #here')],
  ['"keepalive_timeout" directive invalid value', location('keepalive_timeout soon; #here')],
  ['"client_max_body_size" directive invalid value', location('client_max_body_size 1x; #here')],
  ['"client_header_buffer_size" directive invalid value', server('client_header_buffer_size 1g; #here')],
  ['"keepalive_requests" directive invalid number', location('keepalive_requests many; #here')],
  ['unexpected end of file, expecting ";" or "}"', `${PREFIX}http {\nroot a #here`],
  ['unexpected end of file, expecting "}"', `${PREFIX}http {\nroot a;\n #here`],
]

const MAIN: readonly Row[] = [
  ['"worker_processes" directive invalid value', 'worker_processes few; #here\n'],
  ['"daemon" directive is duplicate', 'daemon off; daemon on; #here\n'],
  ['invalid value "perhaps" in "daemon" directive, it must be "on" or "off"', 'daemon perhaps; #here\n'],
  ['invalid log level "loud"', 'error_log logs/x.log loud; #here\n'],
  ['"events" directive is duplicate', 'events { }\nevents { #here\n}\n'],
  ['"http" directive is duplicate', 'events { }\nhttp { }\nhttp { #here\n}\n'],
]

const LIMIT_REQ: readonly Row[] = [
  ['invalid rate "rate=x"', http('limit_req_zone $uri zone=a:1m rate=x; #here')],
  ['invalid rate "rate=0r/s"', http('limit_req_zone $uri zone=a:1m rate=0r/s; #here')],
  ['invalid rate "rate=1.5r/s"', http('limit_req_zone $uri zone=a:1m rate=1.5r/s; #here')],
  ['invalid rate "rate=r/s"', http('limit_req_zone $uri zone=a:1m rate=r/s; #here')],
  ['invalid rate "rate=1r/h"', http('limit_req_zone $uri zone=a:1m rate=1r/h; #here')],
  ['invalid zone size "zone=a"', http('limit_req_zone $uri zone=a rate=1r/s; #here')],
  ['invalid zone size "zone=a:"', http('limit_req_zone $uri zone=a: rate=1r/s; #here')],
  ['invalid zone size "zone=a:1g"', http('limit_req_zone $uri zone=a:1g rate=1r/s; #here')],
  ['zone "zone=a:32767" is too small', http('limit_req_zone $uri zone=a:32767 rate=1r/s; #here')],
  ['"limit_req_zone" must have "zone" parameter', http('limit_req_zone $uri zone=:1m rate=1r/s; #here')],
  ['"limit_req_zone" must have "zone" parameter', http('limit_req_zone $uri rate=1r/s rate=1r/s; #here')],
  ['invalid parameter "burst=1"', http('limit_req_zone $uri zone=a:1m burst=1; #here')],
  [
    'limit_req_zone "a" is already bound to key "$uri"',
    http('limit_req_zone $uri zone=a:1m rate=1r/s;\nlimit_req_zone $args zone=a:1m rate=1r/s; #here'),
  ],
  [
    'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576',
    http('limit_req_zone $uri zone=a:1m rate=1r/s;\nlimit_req_zone $uri zone=a:2m rate=1r/s; #here'),
  ],
  ['"limit_req" must have "zone" parameter', location('limit_req burst=1; #here')],
  ['invalid burst value "burst=0"', location('limit_req zone=a burst=0; #here')],
  ['invalid burst value "burst=x"', location('limit_req zone=a burst=x; #here')],
  ['invalid delay value "delay=0"', location('limit_req zone=a delay=0; #here')],
  ['invalid parameter "delay"', location('limit_req zone=a delay; #here')],
  ['"limit_req" directive is duplicate', location('limit_req zone=a; limit_req zone=a burst=1; #here')],
  ['invalid value "loud"', location('limit_req_log_level loud; #here')],
  ['value must be between 400 and 599', location('limit_req_status 200; #here')],
  ['"limit_req_status" directive invalid number', location('limit_req_status none; #here')],
  ['"limit_req_status" directive is duplicate', location('limit_req_status 503; limit_req_status 429; #here')],
]

const HTTP: readonly Row[] = [
  ['invalid port in "127.0.0.1:0" of the "listen" directive', http('server { listen 127.0.0.1:0; #here\n}')],
  ['invalid port in "70000" of the "listen" directive', http('server { listen 70000; #here\n}')],
  ['invalid parameter "what"', http('server { listen 127.0.0.1:%%PORT:a%% what; #here\n}')],
  [
    'a duplicate default server for 127.0.0.1:%%PORT:a%%',
    http(
      'server { listen 127.0.0.1:%%PORT:a%% default_server; }\nserver { listen 127.0.0.1:%%PORT:a%% default_server; #here\n}',
    ),
  ],
  ['invalid location modifier "~="', server('location ~= /x { #here\n}')],
  ['duplicate location "/x"', server('location /x { }\nlocation /x { #here\n}')],
  ['location "/y" is outside location "/x"', location('location /y { #here\n}')],
  ['location "/x/y" cannot be inside the exact location "/x"', server('location = /x {\nlocation /x/y { #here\n}\n}')],
  ['named location "@n" can be on the server level only', location('location @n { #here\n}')],
  ['invalid return code "1000"', location('return 1000; #here')],
  ['invalid return code "x"', location('return x; #here')],
  ['value "200" must be between 300 and 599', location('error_page 200 /x; #here')],
  ['invalid value "=x"', location('error_page 404 =x /x; #here')],
  ['invalid parameter "sometimes"', location('add_header X-A b sometimes; #here')],
  ['unknown log format "nice"', location('access_log logs/a.log nice; #here')],
  ['duplicate "log_format" name "f"', http('log_format f a;\nlog_format f b; #here')],
  ['invalid variable name', location('add_header X-A "$"; #here')],
  ['the closing bracket in "uri" variable is missing', location('add_header X-A "${uri"; #here')],
  ['invalid URL prefix', location('proxy_pass 127.0.0.1; #here')],
  ['"proxy_pass" directive is duplicate', location('proxy_pass http://127.0.0.1; proxy_pass http://127.0.0.2; #here')],
  ['host not found in upstream "no-such-host.invalid"', location('proxy_pass http://no-such-host.invalid; #here')],
  [
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
    server('location ~ x {\nproxy_pass http://127.0.0.1/y; #here\n}'),
  ],
  ['no servers are inside upstream', http('upstream u {\n} #here')],
  ['duplicate upstream "u"', http('upstream u { server 127.0.0.1; }\nupstream u { #here\n}')],
  ['invalid parameter "wait=1"', http('upstream u { server 127.0.0.1 wait=1; #here\n}')],
  ['invalid parameter "weight=0"', http('upstream u { server 127.0.0.1 weight=0; #here\n}')],
  [
    'there must be at least 2 "proxy_buffers"',
    `${PREFIX}http {\nproxy_buffers 1 4k;\nserver { listen 127.0.0.1:%%PORT:a%%; }\n} #here\n`,
  ],
]

/** Messages without file and line: found after the file was read. */
const AFTERWARDS: readonly Row[] = [
  ['zero size shared memory zone "nowhere"', location('limit_req zone=nowhere;')],
  ['unknown "nothing" variable', location('add_header X-A $nothing;')],
  ['no "events" section in configuration', 'http { }\n'],
]

describe.each([
  ['of the language', LANGUAGE],
  ['of the main context', MAIN],
  ['of limit_req', LIMIT_REQ],
  ['of http', HTTP],
] as const)('an error %s', (_, rows) => {
  test.concurrent.each(rows)('%s', async (message, conf) => {
    const expected = here(message, conf)
    const told = await refused(conf)
    // Ports are chosen by the harness.
    const port = /127\.0\.0\.1:(\d{4,5})/.exec(told)?.[1] ?? ''
    expect(told).toBe(expected.replace('%%PORT:a%%', port))
  })
})

describe('an error found after reading', () => {
  test.concurrent.each(AFTERWARDS)('%s', async (message, conf) => {
    expect(await refused(conf)).toBe(message)
  })
})

describe('an included file', () => {
  test('is named with its own line', async () => {
    const conf = http('include conf.d/*.conf;')
    const told = await refused(conf, { 'conf.d/a.conf': '# fine\n', 'conf.d/b.conf': '\n\nwrong word;\n' })
    expect(told).toBe('unknown directive "wrong" in %%DIR%%/conf.d/b.conf:3')
  })

  test('that is missing is an error, a pattern without a match is none', async () => {
    const told = await refused(http('include missing.conf; #here'))
    expect(told).toBe('open() "%%DIR%%/missing.conf" failed (2: No such file or directory) in %%DIR%%/server.conf:4')
    expect((await testConf(http('include missing/*.conf;'))).code).toBe(0)
  })
})

describe('-t', () => {
  test('says so when all is well', async () => {
    const { code, stderr } = await testConf(server(''))
    expect(stderr).toBe(
      'sluice: the configuration file %%DIR%%/server.conf syntax is ok\n' +
        'sluice: configuration file %%DIR%%/server.conf test is successful\n',
    )
    expect(code).toBe(0)
  })

  test('a file that is not there', async () => {
    const { code, stderr } = await testConf(`include ${'x'.repeat(10)}/none.conf;\n`)
    expect(code).toBe(1)
    expect(stderr).toContain('failed (2: No such file or directory)')
  })
})
