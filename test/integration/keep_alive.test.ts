// Connections that live longer than a request: keep-alive, pipelining, and the reasons to close.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, rawRequest } from '../harness/client.ts'
import { getOnce, parseResponses, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'

let sluice: ServerProcess

beforeAll(async () => {
  sluice = await startSluice({
    scope: 'file',
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        location / { return 200 "$request_uri $connection_requests $pipe"; }
        location = /bad { return 400; }
        location = /busy { return 503; }
        location = /no-keep { keepalive_timeout 0; return 200 ok; }
        location = /three { keepalive_requests 3; return 200 ok; }
        location = /told { keepalive_timeout 30s 20s; return 200 ok; }
      }
      server {
        listen 127.0.0.1:%%PORT:brief%%;
        keepalive_timeout 300ms;
        location / { return 200 ok; }
      }
      server {
        listen 127.0.0.1:%%PORT:hasty%%;
        client_header_timeout 300ms;
        location / { return 200 ok; }
      }`,
  })
})
afterAll(() => sluice.stop())

describe('a connection stays open', () => {
  test('HTTP/1.1 keeps it without being asked and counts its requests', async () => {
    const client = await Client.connect(sluice.port('a'))
    for (let i = 1; i <= 3; i++) {
      client.send(request('GET', '/x'))
      const response = await client.response()
      expect(response.body).toBe(`/x ${i} .`)
      expect(response.header('connection')).toBe('keep-alive')
    }
    client.destroy()
  })

  test('HTTP/1.0 keeps it only when asked', async () => {
    expect(parseResponses(await rawRequest(sluice.port('a'), 'GET / HTTP/1.0\r\n\r\n'))[0]?.header('connection')).toBe(
      'close',
    )
    const client = await Client.connect(sluice.port('a'))
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect((await client.response()).header('connection')).toBe('keep-alive')
    client.send('GET / HTTP/1.0\r\n\r\n')
    await client.response()
    await client.closed()
  })

  test('Keep-Alive tells the second argument of keepalive_timeout', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/told'))
    expect((await client.response()).header('keep-alive')).toBe('timeout=20')
    client.destroy()
  })

  test('an empty line before the next request is skipped', async () => {
    const text = await rawRequest(sluice.port('a'), `${request('GET', '/1')}\r\n\r\n${getOnce('/2')}`)
    expect(parseResponses(text).map((response) => response.status)).toEqual([200, 200])
  })
})

describe('pipelined requests', () => {
  test('are answered in order, and $pipe says which they were', async () => {
    const targets = Array.from({ length: 20 }, (_, i) => `/${i}`)
    const bytes = targets.map((target) => request('GET', target)).join('') + getOnce('/last')
    const bodies = parseResponses(await rawRequest(sluice.port('a'), bytes)).map((response) => response.body)
    expect(bodies.map((body) => body.split(' ')[0])).toEqual([...targets, '/last'])
    expect(bodies[0]?.endsWith(' .')).toBe(true)
    expect(bodies[5]?.endsWith(' p')).toBe(true)
  })

  test('may be cut anywhere between packets', async () => {
    const bytes = `${request('POST', '/a', ['Content-Length: 5'], 'hello')}${getOnce('/b')}`
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const client = await Client.connect(sluice.port('a'))
      client.send(bytes.slice(0, cut))
      await new Promise(setImmediate)
      client.send(bytes.slice(cut))
      expect((await client.response()).body, `cut at ${cut}`).toMatch(/^\/a /)
      expect((await client.response()).body, `cut at ${cut}`).toMatch(/^\/b /)
      await client.closed()
      client.destroy()
    }
  })

  test('an unread body is not taken for the next request', async () => {
    const inner = getOnce('/smuggled')
    const bytes = request('POST', '/a', [`Content-Length: ${inner.length}`], inner) + getOnce('/b')
    const bodies = parseResponses(await rawRequest(sluice.port('a'), bytes)).map((response) => response.body)
    expect(bodies.map((body) => body.split(' ')[0])).toEqual(['/a', '/b'])
  })

  test('nothing is answered behind a response that closes', async () => {
    const text = await rawRequest(sluice.port('a'), getOnce('/1') + request('GET', '/2'))
    expect(parseResponses(text)).toHaveLength(1)
  })
})

describe('a connection is closed', () => {
  test.each([
    ['by the client asking for it', getOnce('/')],
    ['by keepalive_timeout 0', request('GET', '/no-keep')],
    ['after a 400', request('GET', '/bad')],
  ])('%s', async (_, bytes) => {
    const responses = parseResponses(await rawRequest(sluice.port('a'), bytes))
    expect(responses).toHaveLength(1)
    expect(responses[0]?.header('connection')).toBe('close')
  })

  test('a refusal with 503 keeps it', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/busy'))
    expect((await client.response()).header('connection')).toBe('keep-alive')
    client.destroy()
  })

  test('after keepalive_requests', async () => {
    const bytes = request('GET', '/three').repeat(5)
    const responses = parseResponses(await rawRequest(sluice.port('a'), bytes))
    expect(responses.map((response) => response.header('connection'))).toEqual(['keep-alive', 'keep-alive', 'close'])
  })

  test('when it idles for keepalive_timeout', async () => {
    const client = await Client.connect(sluice.port('brief'))
    client.send(request('GET', '/'))
    await client.response()
    const before = performance.now()
    await client.closed(5000)
    expect(performance.now() - before).toBeGreaterThan(200)
  })

  test('without a word when no byte of a request comes in time', async () => {
    expect(await rawRequest(sluice.port('hasty'), '')).toBe('')
    await sluice.waitForLog(/\[info\].*client timed out.*client: 127\.0\.0\.1/)
  })

  test('without a response, but logged as 408, when a request head does not end in time', async () => {
    expect(await rawRequest(sluice.port('hasty'), 'GET /slow-head HTTP/1.1\r\nHost: t')).toBe('')
    await sluice.waitForAccess(/"GET \/slow-head HTTP\/1.1" 408 0 /)
  })

  test('and logged as 400 when the client leaves within a request head', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send('GET /left HTTP/1.1\r\nHost: t')
    client.destroy()
    await sluice.waitForAccess(/"GET \/left HTTP\/1.1" 400 0 /)
    await sluice.waitForLog(/client prematurely closed connection/)
  })

  test('a client that half-closes still gets its answer', async () => {
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/half'))
    client.finish()
    expect((await client.response()).status).toBe(200)
    await client.closed()
  })
})
