// An origin may answer before it has the whole request, and hear no more of it.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { request } from '../harness/http_text.ts'
import { rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

function front(port: number, location: string): Promise<ServerProcess> {
  return startSluice({
    ports: { origin: port },
    http: `
      log_format short '$uri $status $upstream_status';
      access_log %%DIR%%/logs/short.log short;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        client_max_body_size 0;
        client_body_buffer_size 16m;
        proxy_http_version 1.1;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; ${location} }
      }`,
  })
}

describe.each([
  ['a body that was read whole', ''],
  ['a body that is passed on as it comes', 'proxy_request_buffering off;'],
])('an origin that refuses %s', (_, location) => {
  // No more than a receive window at once: what the origin's kernel has not sent when it resets is lost.
  test.each([5, 20_000])('with %i bytes and closes: its answer is passed on', async (size) => {
    const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${size}\r\n\r\n${'r'.repeat(size)}`
    // Closing while bytes are unread resets the connection: what is sent from then on fails, the answer is there before.
    const origin = await rawOrigin((c) => {
      c.socket.once('data', () => {
        c.socket.pause()
        c.socket.write(answer, () => c.socket.destroy())
      })
    })
    const sluice = await front(origin.port, location)
    const body = 'x'.repeat(8_000_000)
    for (let i = 0; i < 5; i++) {
      const head = ['Connection: close', `Content-Length: ${body.length}`]
      const response = await ask(sluice.port('a'), request('POST', '/', head, body))
      expect([response.status, response.body.length, response.complete]).toEqual([413, size, true])
    }
  })

  test('without a word: 502', async () => {
    const origin = await rawOrigin((c) => {
      c.socket.once('data', () => c.socket.resetAndDestroy())
    })
    const sluice = await front(origin.port, location)
    const body = 'x'.repeat(8_000_000)
    const head = ['Connection: close', `Content-Length: ${body.length}`]
    expect((await ask(sluice.port('a'), request('POST', '/', head, body))).status).toBe(502)
    await sluice.waitForLog(
      /\[error\].*(send|recv)\(\) failed \((104: Connection reset by peer|32: Broken pipe)\) while/,
    )
  })
})

test('a client that neither sends its body nor takes an answer that came early is given up', async () => {
  const size = 24_000_000
  const origin = await rawOrigin(async (c) => {
    await c.receives(/\r\n\r\n/)
    c.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    c.write(Buffer.alloc(size))
  })
  // The buffers take all of it: the origin has been heard to the end.
  const buffers = 'proxy_buffers 8 4m; proxy_busy_buffers_size 8m;'
  const timeouts = 'client_body_timeout 300ms; send_timeout 300ms;'
  const sluice = await front(origin.port, `proxy_request_buffering off; ${buffers} ${timeouts}`)
  const client = await Client.connect(sluice.port('a'))
  client.socket.pause()
  client.send(request('POST', '/left', ['Content-Length: 1000'], 'abc'))
  await waitFor('the line', () => /^\/left 200 200$/m.test(sluice.file('logs/short.log')))
  client.destroy()
})
