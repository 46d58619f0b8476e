// Large bodies pass through in constant memory: who reads slowly slows the sender down.

import { describe, expect, test } from 'vitest'
import { Client } from '../harness/client.ts'
import { request } from '../harness/http_text.ts'
import { rawOrigin } from '../harness/origin.ts'
import { residentBytes } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { sleep, waitFor } from '../harness/wait_for.ts'

const MB = 1024 * 1024

/** Resident memory of the only worker. */
function resident(sluice: ServerProcess): number {
  return residentBytes(sluice.workers()[0]?.pid ?? 0)
}

function front(port: number, location: string): Promise<ServerProcess> {
  return startSluice({
    ports: { origin: port },
    http: `
      server {
        listen 127.0.0.1:%%PORT:a%%;
        client_max_body_size 0;
        location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.1; ${location} }
      }`,
  })
}

describe('a download of 200 MB', () => {
  test('to a client that stops reading stops the origin; nothing is lost when it goes on', async () => {
    const total = 200 * MB
    let written = 0
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      const part = Buffer.alloc(256 * 1024, 'x')
      while (written < total && !c.ended) {
        written += part.length
        if (!c.socket.write(part)) await Promise.race([drained(c.socket), c.closed(30_000)])
      }
    })
    const sluice = await front(origin.port, 'proxy_buffering off;')
    const client = await Client.connect(sluice.port('a'))
    let got = 0
    client.socket.removeAllListeners('data')
    client.socket.on('data', (chunk: Buffer) => {
      got += chunk.length
    })
    const before = resident(sluice)
    client.send(request('GET', '/'))
    await waitFor('the first bytes', () => got > 0)
    client.socket.pause()
    // Socket buffers on both sides fill up; then the origin must stand still.
    const stalled = await waitFor('the origin to be stopped', async () => {
      const last = written
      await sleep(300)
      return written === last ? { at: last } : undefined
    })
    expect(stalled.at).toBeLessThan(60 * MB)
    client.socket.resume()
    await waitFor('all of it', () => got > total, 25_000)
    expect(resident(sluice) - before).toBeLessThan(80 * MB)
    client.destroy()
  })
})

describe('an upload of 100 MB with proxy_request_buffering off', () => {
  test('to an origin that does not read stops the client; nothing is lost when it goes on', async () => {
    const total = 100 * MB
    let read = 0
    const origin = await rawOrigin(async (c) => {
      await c.receives(/\r\n\r\n/)
      c.socket.pause()
      c.socket.removeAllListeners('data')
      read = c.received.length
      await sleep(700) // the client is sending meanwhile
      c.socket.on('data', (chunk: Buffer) => {
        read += chunk.length
      })
      c.socket.resume()
      await waitFor('the body', () => read >= total, 25_000)
      c.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
    const sluice = await front(origin.port, 'proxy_request_buffering off;')
    const client = await Client.connect(sluice.port('a'))
    const before = resident(sluice)
    client.send(request('POST', '/', [`Content-Length: ${total}`]))
    const part = Buffer.alloc(256 * 1024, 'x')
    let sent = 0
    let sentWhenStalled: number | undefined
    const stalled = setTimeout(() => {
      sentWhenStalled = sent
    }, 600)
    while (sent < total) {
      sent += part.length
      if (!client.socket.write(part)) await drained(client.socket)
    }
    clearTimeout(stalled)
    expect(sentWhenStalled).toBeLessThan(60 * MB)
    const response = await client.response({ limitMs: 25_000 })
    expect([response.status, response.body]).toEqual([200, 'ok'])
    expect(resident(sluice) - before).toBeLessThan(80 * MB)
    client.destroy()
  })

  test('the origin sees the first bytes before the last are sent, chunked when the client was', async () => {
    const origin = await rawOrigin(async (c) => {
      await c.receives(/first/)
      c.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo')
      await c.receives(/last\r\n0\r\n\r\n$/)
      c.write('th')
    })
    const sluice = await front(origin.port, 'proxy_request_buffering off; proxy_buffering off;')
    const client = await Client.connect(sluice.port('a'))
    client.send(request('POST', '/', ['Transfer-Encoding: chunked'], '5\r\nfirst\r\n'))
    await waitFor('the head of the answer', () => client.received.includes('200 OK'))
    client.send('4\r\nlast\r\n0\r\n\r\n')
    expect((await client.response()).body).toBe('both')
    expect(origin.connections[0]?.received).toMatch(/^Transfer-Encoding: chunked\r$/im)
    client.destroy()
  })
})

describe('an answer in pieces', () => {
  test('is passed on piece by piece', async () => {
    let next: (() => void) | undefined
    const origin = await rawOrigin(async (c) => {
      await c.request()
      c.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (const piece of ['one', 'two', 'three']) {
        c.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
        await new Promise<void>((resolve) => {
          next = resolve
        })
      }
      c.write('0\r\n\r\n')
    })
    const sluice = await front(origin.port, 'proxy_buffering off;')
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/'))
    for (const piece of ['one', 'two', 'three']) {
      await waitFor(piece, () => client.received.includes(piece))
      next?.()
    }
    expect((await client.response()).body).toBe('onetwothree')
    client.destroy()
  })
})

function drained(socket: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve)
  })
}
