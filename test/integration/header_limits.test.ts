// How large a request head may be, and the pages that tell so.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, rawRequest } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'

let sluice: ServerProcess

beforeAll(async () => {
  sluice = await startSluice({
    scope: 'file',
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        location / { return 200 "$http_x_long"; }
      }
      server {
        listen 127.0.0.1:%%PORT:small%%;
        client_header_buffer_size 128;
        large_client_header_buffers 2 512;
        location / { return 200 "$http_x_long"; }
      }
      ${STORIES_OF_NGINX ? '' : 'server { listen 127.0.0.1:%%PORT:few%%; max_headers 5; location / { return 200 ok; } }'}`,
  })
})
afterAll(() => sluice.stop())

describe('within the default of 4 buffers of 8k', () => {
  test('a header line of nearly 8k arrives whole', async () => {
    const value = 'x'.repeat(8000)
    expect((await ask(sluice.port('a'), getOnce('/', [`X-Long: ${value}`]))).body).toBe(value)
  })

  test('many lines of some 30k in all are fine', async () => {
    const lines = Array.from({ length: 28 }, (_, i) => `X-${i}: ${'y'.repeat(1000)}`)
    expect((await ask(sluice.port('a'), getOnce('/', lines))).status).toBe(200)
  })

  test('a target of nearly 8k is fine', async () => {
    expect((await ask(sluice.port('a'), getOnce(`/${'a'.repeat(8100)}`))).status).toBe(200)
  })
})

describe('beyond them', () => {
  test('a longer target is 414', async () => {
    const response = await ask(sluice.port('a'), getOnce(`/${'a'.repeat(8300)}`))
    expect(response.status).toBe(414)
    expect(response.body).toContain('<h1>414 Request-URI Too Large</h1>')
    await sluice.waitForLog(/\[info\].*client sent too long URI while reading client request line, client/)
  })

  test('a longer header line is 400 with its own title', async () => {
    const response = await ask(sluice.port('a'), getOnce('/', [`X-Long: ${'x'.repeat(8300)}`]))
    expect(response.status).toBe(400)
    expect(response.body).toContain('<title>400 Request Header Or Cookie Too Large</title>')
    expect(response.body).toContain('<h1>400 Bad Request</h1>')
    expect(response.body).toContain('<center>Request Header Or Cookie Too Large</center>')
    await sluice.waitForLog(/\[info\].*client sent too long header line: "X-Long: xxx/)
    await sluice.waitForAccess(/" 400 \d+ /)
  })

  test('more than four buffers of lines is 400', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `X-${i}: ${'y'.repeat(1000)}`)
    expect((await ask(sluice.port('a'), getOnce('/', lines))).body).toContain('Request Header Or Cookie Too Large')
    await sluice.waitForLog(/\[info\].*client sent too (large request|long header line: "X-\d+)/)
  })
})

describe('with small buffers', () => {
  test('a line that needs a large buffer is fine', async () => {
    expect((await ask(sluice.port('small'), getOnce('/', [`X-Long: ${'x'.repeat(400)}`]))).body).toBe('x'.repeat(400))
  })

  test('a longer one is refused', async () => {
    expect((await ask(sluice.port('small'), getOnce('/', [`X-Long: ${'x'.repeat(600)}`]))).status).toBe(400)
  })

  test('a longer target is 414', async () => {
    expect((await ask(sluice.port('small'), getOnce(`/${'a'.repeat(600)}`))).status).toBe(414)
  })
})

test.skipIf(STORIES_OF_NGINX)('max_headers counts lines', async () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1`)
  expect((await ask(sluice.port('few'), getOnce('/', lines(3)))).status).toBe(200)
  expect((await ask(sluice.port('few'), getOnce('/', lines(4)))).status).toBe(400)
  await sluice.waitForLog(/client sent too many header lines/)
})

test('an endless head is cut off while the client still sends', async () => {
  const text = await rawRequest(sluice.port('a'), `GET / HTTP/1.1\r\nHost: t\r\nX-Endless: ${'x'.repeat(1_000_000)}`)
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
})
