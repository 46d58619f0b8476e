// The codec against scripted origins. Each origin writes raw bytes; what the handler saw is compared.

import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { http1Transport } from '../../../../src/upstream/http1/transport.ts'
import { IdleConnections } from '../../../../src/upstream/idle_connections.ts'
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  FAIL_ERROR,
  FAIL_INVALID_HEADER,
  FAIL_TIMEOUT,
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_HEAD,
  type TransportOptions,
} from '../../../../src/upstream/transport.ts'
import { waitFor } from '../../../harness/wait_for.ts'
import { OPTIONS, type Origin, onRequests, Recorder, startOrigin } from '../recorder.ts'

let origin: Origin | undefined
let idle: IdleConnections | undefined

afterEach(async () => {
  idle?.drain()
  idle = undefined
  await origin?.close()
  origin = undefined
})

async function listen(onSocket: (socket: Socket, number: number) => void): Promise<Origin> {
  origin = await startOrigin(onSocket)
  return origin
}

const LIMITS = { size: 32, requests: 1000, timeMs: 3_600_000, timeoutMs: 60_000 }

function start(
  from: Origin,
  { method = 'GET', options = OPTIONS }: { method?: string; options?: TransportOptions } = {},
): Recorder {
  const recorder = new Recorder()
  http1Transport.open(from.address, options, idle, '', recorder).send(method, '/', 'Host: x\r\n', BODY_NONE)
  return recorder
}

/** One GET whose answer is `wire`, written in pieces, then closed or left open. */
async function answer(pieces: readonly string[], { close = true, method = 'GET' } = {}): Promise<Recorder> {
  const from = await listen((socket) =>
    onRequests(socket, async () => {
      for (const [i, piece] of pieces.entries()) {
        if (i > 0) await new Promise((resolve) => setImmediate(resolve))
        socket.write(piece, 'latin1')
      }
      if (close) socket.end()
    }),
  )
  return await start(from, { method }).over
}

describe('response heads', () => {
  test('a response with a length is delivered with its head', async () => {
    const r = await answer(['HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello'], { close: false })
    expect(r).toMatchObject({ status: 200, statusLine: '200 Fine', version: 1001, contentLength: 5, body: 'hello' })
    expect(r.fieldNames).toEqual(['Content-Length', 'X-A'])
    expect(r.headText).toContain('X-A: b\r\n')
    expect(r.trailers).toBe('')
    expect(r.connects).toBe(1)
  })

  test('bare line feeds are accepted', async () => {
    const r = await answer(['HTTP/1.1 200 OK\nConnection: close\n\nbody'])
    expect(r).toMatchObject({ status: 200, body: 'body', contentLength: -1 })
  })

  test('a head may be cut at every byte', async () => {
    const wire =
      'HTTP/1.1 203 Non-Auth\r\nX-Long: aaaa\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n'
    const from = await listen((socket) => {
      let at = 0
      // A byte a read: the next one is written when the reader's socket had time to take the one before.
      onRequests(socket, () => {
        const next = (): void => {
          if (at < wire.length) {
            socket.write(wire[at++] as string, 'latin1')
            setImmediate(next)
          }
        }
        next()
      })
    })
    const r = await start(from).over
    expect(r).toMatchObject({ status: 203, statusLine: '203 Non-Auth', body: 'abcde', trailers: 'T: 1\r\n' })
  })

  test.each(Array.from({ length: 60 }, (_, i) => [i + 1]))(
    'a response cut in two at byte %i is the same',
    async (at) => {
      const wire = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A:   b \r\n\r\nbody'
      const r = await answer([wire.slice(0, at), wire.slice(at)], { close: false })
      expect(r).toMatchObject({ status: 200, body: 'body', contentLength: 4, fieldNames: ['Content-Length', 'X-A'] })
    },
  )

  test('interim responses are skipped', async () => {
    const r = await answer([
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP',
      '/1.1 204 No\r\n\r\n',
    ])
    expect(r).toMatchObject({ status: 204, fieldNames: [], body: '' })
  })

  test('what is no status line is an HTTP/0.9 body', async () => {
    const r = await answer(['<html>', 'old</html>'])
    expect(r).toMatchObject({ status: 200, version: 9, body: '<html>old</html>', trailers: '' })
    expect(r.oddities).toEqual(['error: upstream sent no valid HTTP/1.0 header'])
  })

  test.each([
    ['Content-Length: x', 'upstream sent invalid "Content-Length" header: "Content-Length: x"'],
    ['Content-Length: -1', 'upstream sent invalid "Content-Length" header: "Content-Length: -1"'],
    ['Content-Length:', 'upstream sent invalid "Content-Length" header: "Content-Length: "'],
    [
      'Content-Length: 1\r\nContent-Length: 1',
      'upstream sent duplicate header line: "Content-Length: 1", previous value: "Content-Length: 1"',
    ],
    [
      'Transfer-Encoding: chunked\r\nContent-Length: 1',
      'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time',
    ],
    ['Transfer-Encoding: gzip', 'upstream sent unknown "Transfer-Encoding": "gzip"'],
    [
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
      'upstream sent duplicate header line: "Transfer-Encoding: chunked", previous value: "Transfer-Encoding: chunked"',
    ],
    ['Bad Name: x', 'upstream sent invalid header: "Bad\\x20..."'],
    [`X: ${'a'.repeat(5000)}`, 'upstream sent too big header'],
  ])('%.40s is an invalid header', async (line, message) => {
    const r = await answer([`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`])
    expect(r.failure).toEqual({ failure: FAIL_INVALID_HEADER, phase: PHASE_HEAD, message })
    expect(r.status).toBe(0)
  })

  test('a head that fills the limit exactly is fine', async () => {
    const head = (pad: number): string => `HTTP/1.1 204 No\r\nX: ${'a'.repeat(pad)}\r\n\r\n`
    const pad = OPTIONS.headLimit - head(0).length
    expect(await answer([head(pad)])).toMatchObject({ status: 204 })
    await origin?.close()
    expect((await answer([head(pad + 1)])).failure?.message).toBe('upstream sent too big header')
    await origin?.close()
    // In two reads.
    expect((await answer([head(pad + 1).slice(0, 4000), head(pad + 1).slice(4000)])).failure?.message).toBe(
      'upstream sent too big header',
    )
  })
})

describe('response bodies', () => {
  test('HEAD, 204 and 304 have none, whatever their length says', async () => {
    const head = await answer(['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'], { close: false, method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, contentLength: 9, body: '', trailers: '' })
    await origin?.close()
    const notModified = await answer(['HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'], { close: false })
    expect(notModified).toMatchObject({ status: 304, contentLength: 9, trailers: '' })
  })

  test('a body that ends early is a failure of the body', async () => {
    const r = await answer(['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'])
    expect(r.body).toBe('half')
    expect(r.failure).toEqual({
      failure: FAIL_ERROR,
      phase: PHASE_BODY,
      message: 'upstream prematurely closed connection',
    })
  })

  test('an unfinished chunked body is a failure, a malformed one too', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    expect((await answer([`${head}ff\r\nunfinished`])).failure?.message).toBe('upstream prematurely closed connection')
    await origin?.close()
    expect((await answer([`${head}zz\r\n`])).failure?.message).toBe('upstream sent invalid chunked response')
  })

  test('a connection that closes before the head is a failure of the head', async () => {
    const r = await answer(['HTTP/1.1 200'])
    expect(r.failure).toEqual({
      failure: FAIL_ERROR,
      phase: PHASE_HEAD,
      message: 'upstream prematurely closed connection',
    })
  })

  test('more data than the length is reported and dropped', async () => {
    const r = await answer(['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody-and-more'])
    expect(r).toMatchObject({ body: 'body', trailers: '' })
    expect(r.oddities).toEqual(['warn: upstream sent more data than specified in "Content-Length" header'])
  })

  test('a handler that pauses gets the rest after resume', async () => {
    const size = 3_000_000
    const from = await listen((socket) =>
      onRequests(socket, () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`)),
    )
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    recorder.wantsMore = false
    exchange.send('GET', '/', '', BODY_NONE)
    await waitFor('first data', () => recorder.body !== '')
    const { length } = recorder.body
    // Time for a read to come, if reading went on.
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(recorder.body.length).toBe(length)
    expect(length).toBeLessThanOrEqual(65536)
    recorder.wantsMore = true
    exchange.resume()
    await recorder.over
    expect(recorder.body.length).toBe(size)
    expect(recorder.failure).toBeUndefined()
  })
})

describe('request bodies', () => {
  async function echo(): Promise<{ from: Origin; received: () => string }> {
    let text = ''
    const from = await listen((socket) => {
      socket.on('data', (data) => {
        text += data.toString('latin1')
        if (text.includes('END')) socket.end('HTTP/1.1 204 No\r\n\r\n')
      })
    })
    return { from, received: () => text }
  }

  test('a body with a length follows the head as it is', async () => {
    const { from, received } = await echo()
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('POST', '/p', 'Content-Length: 5\r\n', BODY_LENGTH)
    recorder.whenConnected = () => {
      exchange.write(Buffer.from('abEND'), true)
      exchange.endBody()
    }
    await recorder.over
    expect(received()).toBe('POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nabEND')
    expect(exchange.bytesSent).toBe(received().length)
    expect(exchange.bytesReceived).toBe('HTTP/1.1 204 No\r\n\r\n'.length)
  })

  test('a chunked body is framed, small and large pieces alike', async () => {
    const { from, received } = await echo()
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('POST', '/p', 'Transfer-Encoding: chunked\r\n', BODY_CHUNKED)
    const large = Buffer.alloc(20_000, 'a')
    recorder.whenConnected = () => {
      exchange.flush()
      exchange.write('hello', false)
      exchange.write(large, false)
      // Not stable: it may change right after the call.
      large.fill('X')
      exchange.write('END', false)
      exchange.endBody()
    }
    await recorder.over
    await waitFor('last chunk', () => received().endsWith('0\r\n\r\n'))
    expect(received()).toBe(
      'POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `5\r\nhello\r\n4e20\r\n${'a'.repeat(20_000)}\r\n3\r\nEND\r\n0\r\n\r\n`,
    )
    expect(exchange.bytesSent).toBe(received().length)
  })

  test('small pieces of one turn leave together, as one chunk', async () => {
    const { from, received } = await echo()
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('POST', '/p', '', BODY_CHUNKED)
    recorder.whenConnected = () => {
      exchange.write('one', false)
      exchange.write(Buffer.from('two'), false)
      setImmediate(() => {
        exchange.write('END', false)
        exchange.endBody()
      })
    }
    await recorder.over
    expect(received()).toBe('POST /p HTTP/1.1\r\n\r\n6\r\nonetwo\r\n3\r\nEND\r\n0\r\n\r\n')
  })

  test('a peer that does not read holds the writer back until it does', async () => {
    let peer: Socket | undefined
    let received = 0
    const from = await listen((socket) => {
      peer = socket
      socket.pause()
      socket.on('data', (data) => {
        received += data.length
        if (received >= total) socket.end('HTTP/1.1 204 No\r\n\r\n')
      })
    })
    const chunk = Buffer.alloc(64 * 1024, 'b')
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('POST', '/', '', BODY_LENGTH)
    const chunks = 400
    const total = 'POST / HTTP/1.1\r\n\r\n'.length + chunks * chunk.length
    let written = 0
    const pump = (): void => {
      while (written < chunks) {
        written++
        if (!exchange.write(chunk, true)) return
      }
      exchange.endBody()
    }
    recorder.whenConnected = pump
    recorder.whenDrained = pump
    await waitFor('connection', () => peer !== undefined && written > 0)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(written).toBeLessThan(chunks)
    peer?.resume()
    await recorder.over
    expect(received).toBe(total)
    expect(recorder.drains).toBeGreaterThan(0)
  })
})

describe('keep-alive', () => {
  /** Answers every request; `n` is the connection's number. */
  async function counting(head = 'Content-Length: 1'): Promise<Origin> {
    return await listen((socket, n) => onRequests(socket, () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${n}`)))
  }

  test('a connection is used again, the most recent first', async () => {
    idle = new IdleConnections(LIMITS)
    const from = await counting()
    const first = await start(from).over
    expect(idle.size).toBe(1)
    const second = start(from)
    expect(idle.size).toBe(0)
    await second.over
    expect([first.body, second.body]).toEqual(['1', '1'])
    expect(second.connects).toBe(0)
    expect(from.accepted).toBe(1)
    // Two at once, then idle in the order of their end.
    const two = [start(from), start(from)]
    await Promise.all(two.map((r) => r.over))
    expect(idle.size).toBe(2)
  })

  test('a new exchange may start inside onEnd, on the same connection', async () => {
    idle = new IdleConnections(LIMITS)
    const from = await counting()
    const next = new Promise<Recorder>((resolve) => {
      const recorder = start(from)
      const { onEnd } = recorder
      recorder.onEnd = (trailers) => {
        onEnd.call(recorder, trailers)
        resolve(start(from).over)
      }
    })
    expect((await next).body).toBe('1')
    expect(from.accepted).toBe(1)
  })

  test('without a cache the connection is closed', async () => {
    const from = await counting()
    await start(from).over
    await waitFor('close', () => from.sockets.size === 0)
  })

  test.each([
    ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1'],
    ['extra data', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12'],
    ['data behind the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx'],
  ])('a response with %s is the last one of its connection', async (_, wire) => {
    idle = new IdleConnections(LIMITS)
    const from = await listen((socket) => onRequests(socket, () => socket.write(wire)))
    const r = await start(from).over
    expect(r.failure).toBeUndefined()
    expect(idle.size).toBe(0)
    await waitFor('close', () => from.sockets.size === 0)
  })

  test('a response that overtakes its request ends the connection', async () => {
    idle = new IdleConnections(LIMITS)
    const from = await counting()
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('POST', '/', 'Content-Length: 10\r\n', BODY_LENGTH)
    recorder.whenConnected = () => exchange.flush()
    await recorder.over
    expect(recorder.body).toBe('1')
    expect(idle.size).toBe(0)
  })

  test.each([
    ['a byte', (socket: Socket) => socket.write('x')],
    ['the end of the stream', (socket: Socket) => socket.end()],
    ['a reset', (socket: Socket) => socket.resetAndDestroy()],
  ])('%s on an idle connection removes it', async (_, disturb) => {
    idle = new IdleConnections(LIMITS)
    const from = await counting()
    await start(from).over
    expect(idle.size).toBe(1)
    for (const socket of from.sockets) disturb(socket)
    await waitFor('removal', () => idle?.size === 0)
    expect((await start(from).over).body).toBe('2')
  })

  test('keepalive_requests, keepalive_time and keepalive_timeout end a connection', async () => {
    const from = await counting()
    idle = new IdleConnections({ ...LIMITS, requests: 2 })
    await start(from).over
    expect(idle.size).toBe(1)
    await start(from).over
    expect(idle.size).toBe(0)
    idle = new IdleConnections({ ...LIMITS, timeMs: 0 })
    await start(from).over
    expect(idle.size).toBe(0)
    idle = new IdleConnections({ ...LIMITS, timeoutMs: 20 })
    await start(from).over
    expect(idle.size).toBe(1)
    await waitFor('timeout', () => idle?.size === 0)
  })

  test('the oldest connection gives way when the cache is full', async () => {
    idle = new IdleConnections({ ...LIMITS, size: 1 })
    const from = await counting()
    await Promise.all([start(from).over, start(from).over])
    expect(idle.size).toBe(1)
    await waitFor('close', () => from.sockets.size === 1)
  })

  test('connections are not shared between locations', async () => {
    idle = new IdleConnections(LIMITS)
    const from = await counting()
    await start(from).over
    await start(from, { options: { ...OPTIONS } }).over
    expect(from.accepted).toBe(2)
  })

  test('a stale connection fails as a reused one', async () => {
    idle = new IdleConnections(LIMITS)
    const from = await listen((socket) => {
      let served = false
      onRequests(socket, () => {
        if (served) socket.destroy()
        else socket.write('HTTP/1.1 204 No\r\n\r\n')
        served = true
      })
    })
    await start(from).over
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    expect(exchange.reused).toBe(true)
    expect(exchange.connected).toBe(true)
    exchange.send('GET', '/', '', BODY_NONE)
    await recorder.over
    expect(recorder.failure).toMatchObject({ failure: FAIL_ERROR, phase: PHASE_HEAD })
  })
})

describe('failures and time', () => {
  test('a refused connection', async () => {
    const from = await listen(() => {})
    await from.close()
    const r = await start(from).over
    expect(r.failure).toEqual({
      failure: FAIL_ERROR,
      phase: PHASE_CONNECT,
      message: 'connect() failed (111: Connection refused)',
    })
    expect(r.connects).toBe(0)
  })

  test('a missing unix socket', async () => {
    const recorder = new Recorder()
    const address = { host: '', port: 0, path: '/nonexistent/socket', text: 'unix:/nonexistent/socket' }
    http1Transport.open(address, OPTIONS, undefined, '', recorder).send('GET', '/', '', BODY_NONE)
    await recorder.over
    expect(recorder.failure?.message).toBe('connect() failed (2: No such file or directory)')
  })

  test('a reset while the head is awaited', async () => {
    const from = await listen((socket) => onRequests(socket, () => socket.resetAndDestroy()))
    const r = await start(from).over
    expect(r.failure).toEqual({
      failure: FAIL_ERROR,
      phase: PHASE_HEAD,
      message: 'recv() failed (104: Connection reset by peer)',
    })
  })

  test('a head that does not come in time', async () => {
    const from = await listen(() => {})
    const r = await start(from, { options: { ...OPTIONS, readTimeoutMs: 30 } }).over
    expect(r.failure).toEqual({
      failure: FAIL_TIMEOUT,
      phase: PHASE_HEAD,
      message: 'upstream timed out (110: Connection timed out)',
    })
    await waitFor('close', () => from.sockets.size === 0)
  })

  test('a body that stops in the middle', async () => {
    const from = await listen((socket) =>
      onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    )
    const r = await start(from, { options: { ...OPTIONS, readTimeoutMs: 30 } }).over
    expect(r.body).toBe('half')
    expect(r.failure).toMatchObject({ failure: FAIL_TIMEOUT, phase: PHASE_BODY })
  })

  test('each read starts the read timeout anew', async () => {
    const from = await listen((socket) =>
      onRequests(socket, async () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n')
        for (let i = 0; i < 6; i++) {
          // Time is the subject: 6 × 40 ms is more than the timeout of 120.
          await new Promise((resolve) => setTimeout(resolve, 40))
          socket.write('x')
        }
      }),
    )
    const r = await start(from, { options: { ...OPTIONS, readTimeoutMs: 120 } }).over
    expect(r).toMatchObject({ body: 'xxxxxx', failure: undefined })
  })

  test('abort closes the connection and silences it', async () => {
    const from = await listen((socket) => onRequests(socket, () => socket.write('HTTP/1.1 200 OK\r\n\r\nsome')))
    const recorder = new Recorder()
    const exchange = http1Transport.open(from.address, OPTIONS, idle, '', recorder)
    exchange.send('GET', '/', '', BODY_NONE)
    await waitFor('data', () => recorder.body === 'some')
    exchange.abort()
    exchange.abort()
    await waitFor('close', () => from.sockets.size === 0)
    expect(recorder.trailers).toBeUndefined()
    expect(recorder.failure).toBeUndefined()
  })

  test('HTTP/1.0 may be asked for', async () => {
    let head = ''
    const from = await listen((socket) =>
      onRequests(socket, (text) => {
        head = text
        socket.end('HTTP/1.0 200 OK\r\n\r\nx')
      }),
    )
    await start(from, { options: { ...OPTIONS, protocol: 'HTTP/1.0' } }).over
    expect(head).toBe('GET / HTTP/1.0\r\nHost: x\r\n\r\n')
  })
})
