// The same location over the second transport: requests, bodies and failures must look alike.

import { createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Served, serve } from '../serve.ts'

let served: Served | undefined
let server: Http2Server | undefined
const sessions = new Set<{ destroy(): void }>()

afterEach(async () => {
  served?.stop()
  served = undefined
  for (const session of sessions) session.destroy()
  sessions.clear()
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  server = undefined
})

/** An origin that tells what it was sent; `/gone` resets its stream. */
async function start(directives = ''): Promise<Served> {
  const created = createServer()
  server = created
  created.on('session', (session) => sessions.add(session))
  created.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':path'] === '/gone') {
      stream.destroy(new Error('reset'))
      return
    }
    let body = ''
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1')
    })
    stream.on('end', () => {
      stream.respond({ ':status': 203, 'x-origin': 'h2', 'set-cookie': ['a=1', 'b=2'], server: 'hidden' })
      stream.end(`${headers[':method']} ${headers[':authority']} ${headers['x-up'] ?? '-'} ${body}`)
    })
  })
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve))
  const { port } = created.address() as AddressInfo
  served = serve(`
    server {
      listen 127.0.0.1:8080;
      location / {
        proxy_pass http://127.0.0.1:${port}; proxy_http_version 2; proxy_set_header X-Up $arg_up;
        proxy_set_header Host origin.test; ${directives}
      }
    }`)
  return served
}

describe('proxy_http_version 2', () => {
  test('passes a request and its answer', async () => {
    const { get } = await start()
    const response = await get('/x?up=yes')
    expect([response.status, response.body.includes('GET origin.test yes ')]).toEqual([203, true])
    expect(response.header('x-origin')).toBe('h2')
    expect(response.lines.filter((line) => line.startsWith('set-cookie'))).toEqual([
      'set-cookie: a=1',
      'set-cookie: b=2',
    ])
    expect(response.header('Server')).not.toBe('hidden')
  })

  test.each(['', 'proxy_request_buffering off;'])('passes a body "%s"', async (directives) => {
    const { request } = await start(directives)
    const body = 'b'.repeat(5000)
    expect((await request('POST', '/', {}, body)).body).toContain(`POST origin.test - ${body}`)
  })

  test('a stream that is reset is a 502', async () => {
    const { get } = await start()
    expect((await get('/gone')).status).toBe(502)
    expect(served?.log.text).toMatch(/\[error\].*while reading response header from upstream/)
  })
})
