// Pages for failures: built in, chosen by error_page, or taken from another location.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, rawRequest } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'

let sluice: ServerProcess

beforeAll(async () => {
  sluice = await startSluice({
    scope: 'file',
    files: { 'html/sorry.html': 'sorry\n', 'html/index.html': 'index\n' },
    http: `
      root %%DIR%%/html;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        server_name t.test;
        error_page 404 /sorry.html;
        error_page 410 =200 /sorry.html;
        error_page 403 = /made;
        error_page 429 =503 /sorry.html;
        error_page 502 504 @named;
        error_page 402 http://other.test/pay;
        error_page 405 =301 /elsewhere;
        location / { }
        location /410 { return 410; }
        location /403 { return 403; }
        location /429 { return 429; }
        location /502 { return 502; }
        location /402 { return 402; }
        location /own { error_page 404 /own-missing; }
        location /own-missing { return 200 "own page for $uri"; }
        location /made { return 201 "made $request_method"; }
        location /loop { error_page 404 /loop/again; }
        location @named { return 200 "named $uri"; }
        location /close { return 444; }
        location /tokens { server_tokens off; return 500; }
      }`,
  })
})
afterAll(() => sluice.stop())

describe('built-in pages', () => {
  test('have nginx form, byte for byte', async () => {
    const response = await ask(sluice.port('a'), getOnce('/tokens'))
    const [name] = /nginx|sluice/.exec(response.body) ?? []
    expect(response.body).toBe(
      [
        '<html>',
        '<head><title>500 Internal Server Error</title></head>',
        '<body>',
        '<center><h1>500 Internal Server Error</h1></center>',
        `<hr><center>${name}</center>`,
        '</body>',
        '</html>',
        '',
      ].join('\r\n'),
    )
    expect(response.header('content-type')).toBe('text/html')
    expect(response.header('server')).toBe(name)
    expect(response.header('content-length')).toBe(String(response.body.length))
  })

  test('are padded for browsers that show their own short ones', async () => {
    const response = await ask(sluice.port('a'), getOnce('/tokens', ['User-Agent: Mozilla/5.0 Chrome/100']))
    expect(response.body.match(/<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n/g)).toHaveLength(
      6,
    )
  })

  test('444 closes without a word and is logged', async () => {
    expect(await rawRequest(sluice.port('a'), request('GET', '/close'))).toBe('')
    await sluice.waitForAccess(/"GET \/close HTTP\/1\.1" 444 0 /)
  })
})

describe('error_page', () => {
  test('serves another URI with the original code', async () => {
    const response = await ask(sluice.port('a'), getOnce('/missing'))
    expect([response.status, response.body]).toEqual([404, 'sorry\n'])
    await sluice.waitForLog(
      /\[error\].*open\(\) ".*\/html\/missing" failed \(2: No such file or directory\), client: 127/,
    )
  })

  test('with =N answers with that code', async () => {
    expect((await ask(sluice.port('a'), getOnce('/410'))).status).toBe(200)
    const response = await ask(sluice.port('a'), getOnce('/429'))
    expect([response.status, response.body]).toEqual([503, 'sorry\n'])
  })

  test('with = answers with what the target says, by GET', async () => {
    const response = await ask(sluice.port('a'), request('POST', '/403', ['Connection: close', 'Content-Length: 0']))
    expect([response.status, response.body]).toEqual([201, 'made GET'])
  })

  test('to a named location keeps the URI', async () => {
    const response = await ask(sluice.port('a'), getOnce('/502'))
    expect([response.status, response.body]).toEqual([502, 'named /502'])
  })

  test('to an address redirects', async () => {
    const response = await ask(sluice.port('a'), getOnce('/402'))
    expect([response.status, response.header('location')]).toEqual([302, 'http://other.test/pay'])
  })

  test('of an inner level replaces all of the outer ones', async () => {
    expect((await ask(sluice.port('a'), getOnce('/own/x'))).body).toBe('own page for /own-missing')
  })

  test('is followed once: a missing page gets the built-in one', async () => {
    const response = await ask(sluice.port('a'), getOnce('/loop/x'))
    expect(response.status).toBe(404)
    expect(response.body).toContain('<h1>404 Not Found</h1>')
  })
})
