// Access logs: what is written, how it is escaped, where it goes.

import { describe, expect, test } from 'vitest'
import { ask, rawRequest } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { httpOrigin } from '../harness/origin.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

/** One server with this log format (and escape), one location that answers. */
function logging(format: string, more = '', ports: Record<string, number> = {}) {
  return startSluice({
    ports,
    http: `
      log_format it ${format};
      access_log %%DIR%%/logs/it.log it;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        location / { return 200 "body"; }
        ${more}
      }`,
  })
}

describe('the combined format', () => {
  test('is the default', async () => {
    const sluice = await startSluice({
      http: 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "body"; } }',
    })
    await ask(sluice.port('a'), getOnce('/x?y', ['User-Agent: tester', 'Referer: http://r.test/']))
    const [line] = await sluice.waitForAccess(/^.*\/x\?y.*$/m)
    expect(line).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/x\?y HTTP\/1\.1" 200 4 "http:\/\/r\.test\/" "tester"$/,
    )
  })
})

describe('a format of our own', () => {
  test('has variables of request, response and connection; what is not there is -', async () => {
    const sluice = await logging(
      "'$request_method $uri $args $status $body_bytes_sent $bytes_sent $http_x_a $http_x_none $sent_http_content_type $server_name $server_port $host $scheme $connection_requests $pipe $request_length $request_completion'",
    )
    const bytes = getOnce('/a%20b?c=d', ['X-A: one'])
    const text = await rawRequest(sluice.port('a'), bytes)
    const line = await waitFor('a line', () => sluice.file('logs/it.log') || undefined)
    expect(line).toBe(
      `GET /a b c=d 200 4 ${text.length} one - text/plain t.test ${sluice.port('a')} t.test http 1 . ${bytes.length} OK\n`,
    )
  })

  test.skipIf(STORIES_OF_NGINX)('joins the lines of a header', async () => {
    const sluice = await logging("'$http_x_a'")
    await ask(sluice.port('a'), getOnce('/', ['X-A: one', 'X-A: two']))
    expect(await waitFor('a line', () => sluice.file('logs/it.log') || undefined)).toBe('one, two\n')
  })

  test('escapes bytes that could forge a line', async () => {
    const sluice = await logging('"[$http_x_a]"')
    await ask(sluice.port('a'), getOnce('/', ['X-A: a"b\\c\x01\xe9\x7f']))
    expect(await waitFor('a line', () => sluice.file('logs/it.log') || undefined)).toBe(
      '[a\\x22b\\x5Cc\\x01\\xE9\\x7F]\n',
    )
  })

  test('escape=json and escape=none do so in their way', async () => {
    const json = await logging('escape=json "[$http_x_a$http_x_none]"')
    await ask(json.port('a'), getOnce('/', ['X-A: a"b\\c\td']))
    expect(await waitFor('a line', () => json.file('logs/it.log') || undefined)).toBe('[a\\"b\\\\c\\td]\n')
    const none = await logging('escape=none "[$http_x_a]"')
    await ask(none.port('a'), getOnce('/', ['X-A: a"b\\c']))
    expect(await waitFor('a line', () => none.file('logs/it.log') || undefined)).toBe('[a"b\\c]\n')
  })

  test('knows the upstream of a request', async () => {
    const origin = await httpOrigin(() => ({ status: 201, headers: ['X-From: origin'], body: 'made' }))
    const sluice = await logging(
      "'$uri [$upstream_addr] [$upstream_status] [$upstream_http_x_from] [$upstream_response_length] $upstream_response_time'",
      'location /up { proxy_pass http://127.0.0.1:%%PORT:origin%%; }',
      { origin: origin.port },
    )
    await ask(sluice.port('a'), getOnce('/up'))
    await ask(sluice.port('a'), getOnce('/here'))
    await waitFor('two lines', () => sluice.file('logs/it.log').split('\n').length === 3)
    const [up, here] = sluice.file('logs/it.log').split('\n')
    expect(up).toMatch(
      new RegExp(`^/up \\[127\\.0\\.0\\.1:${origin.port}\\] \\[201\\] \\[origin\\] \\[4\\] \\d\\.\\d{3}$`),
    )
    expect(here).toBe('/here [-] [-] [-] [-] -')
  })
})

describe('where lines go', () => {
  test('off, if= and several logs', async () => {
    const sluice = await startSluice({
      http: `
        log_format short '$uri';
        access_log off;
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location / { return 200; }
          location /some { access_log %%DIR%%/logs/some.log short if=$arg_log; return 200; }
          location /two { access_log %%DIR%%/logs/one.log short; access_log %%DIR%%/logs/two.log short; return 200; }
        }`,
    })
    const targets = ['/', '/some', '/some?log=0', '/some?log=1', '/two']
    for (const target of targets) await ask(sluice.port('a'), getOnce(target))
    await sluice.end()
    expect(sluice.file('logs/some.log')).toBe('/some\n')
    expect(sluice.file('logs/one.log')).toBe('/two\n')
    expect(sluice.file('logs/two.log')).toBe('/two\n')
    expect(sluice.accessLog()).toBe('')
  })

  test('a buffered log is written when the worker ends at the latest', async () => {
    const sluice = await startSluice({
      http: `
        log_format short '$uri';
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location / { access_log %%DIR%%/logs/late.log short buffer=64k; return 200; }
        }`,
    })
    await rawRequest(sluice.port('a'), request('GET', '/1') + request('GET', '/2') + getOnce('/3'))
    expect(sluice.file('logs/late.log')).toBe('')
    await sluice.end()
    expect(sluice.file('logs/late.log')).toBe('/1\n/2\n/3\n')
  })

  test('SIGUSR1 opens the files again: lines go to the new one', async () => {
    const { renameSync } = await import('node:fs')
    const sluice = await startSluice({
      workers: 2,
      http: 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200; } }',
    })
    await ask(sluice.port('a'), getOnce('/before'))
    await sluice.waitForAccess(/before/)
    renameSync(`${sluice.dir}/logs/access.log`, `${sluice.dir}/logs/access.old`)
    sluice.signal('SIGUSR1')
    await waitFor('new files', async () => {
      await ask(sluice.port('a'), getOnce('/after'))
      return sluice.accessLog().includes('/after')
    })
    expect(sluice.file('logs/access.old')).toContain('/before')
    await sluice.waitForLog(/\[notice\] \d+#\d+: reopening logs/)
  })

  test('lines that wait in a buffer go to the file that is being left', async () => {
    const { renameSync } = await import('node:fs')
    const sluice = await startSluice({
      http: `
        log_format short '$uri';
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location / { access_log %%DIR%%/logs/late.log short buffer=64k; return 200; }
        }`,
    })
    await ask(sluice.port('a'), getOnce('/before'))
    renameSync(`${sluice.dir}/logs/late.log`, `${sluice.dir}/logs/late.old`)
    sluice.signal('SIGUSR1')
    await waitFor('the old file', () => sluice.file('logs/late.old') || undefined)
    expect(sluice.file('logs/late.old')).toBe('/before\n')
  })
})
