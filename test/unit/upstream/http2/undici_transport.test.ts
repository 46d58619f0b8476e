// The HTTP/2 transport against node's own HTTP/2 server without TLS: the same events as from the HTTP/1 codec.

import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { giveSlotBack, limitConnections, takeSlot } from '../../../../src/net/connection_slots.ts'
import { loadHttp2Transport } from '../../../../src/upstream/http2/load.ts'
import { tcpAddress } from '../../../../src/upstream/peer_address.ts'
import {
  BODY_CHUNKED,
  BODY_NONE,
  type Exchange,
  FAIL_ERROR,
  FAIL_TIMEOUT,
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_HEAD,
  type TransportOptions,
} from '../../../../src/upstream/transport.ts'
import { waitFor } from '../../../harness/wait_for.ts'
import { OPTIONS, Recorder } from '../recorder.ts'

const H2: TransportOptions = { ...OPTIONS, protocol: 'HTTP/2' }
let server: Http2Server | undefined
const sessions = new Set<{ destroy(): void }>()

afterEach(async () => {
  for (const session of sessions) session.destroy()
  sessions.clear()
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  server = undefined
})

async function listen(onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): Promise<number> {
  const created = createServer()
  server = created
  created.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
  })
  created.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve))
  return (created.address() as AddressInfo).port
}

function open(port: number, recorder: Recorder, options = H2): Exchange {
  return loadHttp2Transport().open(tcpAddress('127.0.0.1', port), options, undefined, '', recorder)
}

describe('an exchange over HTTP/2', () => {
  test('brings head, body and fields; the hop’s own fields stay behind', async () => {
    let seen: IncomingHttpHeaders = {}
    const port = await listen((stream, headers) => {
      seen = headers
      stream.respond({ ':status': 201, 'x-a': 'b', 'content-length': '5' })
      stream.end('hello')
    })
    const recorder = new Recorder()
    const lines = 'Host: name.test\r\nConnection: close\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n'
    open(port, recorder).send('GET', '/path?x', lines, BODY_NONE)
    await recorder.over
    expect(recorder).toMatchObject({ status: 201, version: 2000, contentLength: 5, body: 'hello', connects: 1 })
    expect(recorder.fieldNames).toContain('x-a')
    expect(recorder.headText).toMatch(/^x-a: b\r$/m)
    expect(seen).toMatchObject({ ':authority': 'name.test', ':path': '/path?x', ':method': 'GET', 'x-one': '1' })
    expect(seen['connection']).toBeUndefined()
    expect(recorder.trailers).toBe('')
  })

  test('streams a body up', async () => {
    const port = await listen((stream) => {
      let text = ''
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      stream.on('end', () => {
        stream.respond({ ':status': 200 })
        stream.end(text)
      })
    })
    const recorder = new Recorder()
    const exchange = open(port, recorder)
    recorder.whenConnected = () => {
      exchange.write('one ', false)
      exchange.write(Buffer.from('two'), false)
      exchange.endBody()
    }
    exchange.send('POST', '/', 'Host: x\r\n', BODY_CHUNKED)
    await recorder.over
    expect(recorder).toMatchObject({ status: 200, body: 'one two', contentLength: -1 })
    expect(exchange.bytesSent).toBe(7)
    expect(exchange.bytesReceived).toBe(7)
  })

  test('one connection serves many', async () => {
    const port = await listen((stream) => {
      stream.respond({ ':status': 204 })
      stream.end()
    })
    for (let i = 0; i < 3; i++) {
      const recorder = new Recorder()
      open(port, recorder).send('GET', '/', 'Host: x\r\n', BODY_NONE)
      expect((await recorder.over).status).toBe(204)
    }
    expect(sessions.size).toBe(1)
  })

  test('a connection takes one of worker_connections until it ends; without one left there is none', async () => {
    const port = await listen((stream) => {
      stream.respond({ ':status': 204 })
      stream.end()
    })
    const ask = async (options: TransportOptions, at = port): Promise<Recorder> => {
      const recorder = new Recorder()
      open(at, recorder, options).send('GET', '/', 'Host: x\r\n', BODY_NONE)
      await recorder.over
      return recorder
    }
    const [first, second] = [{ ...H2 }, { ...H2 }]
    expect((await ask(first)).status).toBe(204)
    limitConnections(5, 0, () => {})
    let taken = 0
    while (takeSlot()) taken++
    onTestFinished(() => {
      limitConnections(Number.POSITIVE_INFINITY, 0, () => {})
      for (; taken > 0; taken--) giveSlotBack()
    })
    expect(() => open(port, new Recorder(), second)).toThrow('5 worker_connections are not enough')
    expect((await ask(first)).status).toBe(204)
    for (const session of sessions) session.destroy()
    await waitFor('its slot', () => takeSlot())
    giveSlotBack()
    // One that cannot be made gives it back.
    for (let i = 0; i < 2; i++) expect((await ask(second, 1)).failure?.failure).toBe(FAIL_ERROR)
  })

  test('waits for a handler that pauses', async () => {
    const size = 1_000_000
    const port = await listen((stream) => {
      stream.respond({ ':status': 200 })
      stream.end(Buffer.alloc(size, 'x'))
    })
    const recorder = new Recorder()
    recorder.wantsMore = false
    const exchange = open(port, recorder)
    exchange.send('GET', '/', 'Host: x\r\n', BODY_NONE)
    await waitFor('first data', () => recorder.body !== '')
    // Time for more to come, if it did.
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(recorder.body.length).toBeLessThan(200_000)
    recorder.wantsMore = true
    exchange.resume()
    await recorder.over
    expect(recorder.body.length).toBe(size)
  })
})

describe('failures over HTTP/2', () => {
  test('a refused connection', async () => {
    const port = await listen(() => {})
    await new Promise<void>((resolve) => server?.close(() => resolve()))
    const recorder = new Recorder()
    open(port, recorder).send('GET', '/', 'Host: x\r\n', BODY_NONE)
    await recorder.over
    expect(recorder.failure).toEqual({
      failure: FAIL_ERROR,
      phase: PHASE_CONNECT,
      message: 'connect() failed (111: Connection refused)',
    })
  })

  test('a stream that is reset before and after its head', async () => {
    const port = await listen((stream, headers) => {
      if (headers[':path'] === '/late') {
        stream.respond({ ':status': 200 })
        stream.write('half', () => stream.destroy(new Error('reset')))
      } else stream.destroy(new Error('reset'))
    })
    const early = new Recorder()
    open(port, early).send('GET', '/early', 'Host: x\r\n', BODY_NONE)
    await early.over
    expect(early.failure).toMatchObject({ failure: FAIL_ERROR, phase: PHASE_HEAD })
    const late = new Recorder()
    open(port, late).send('GET', '/late', 'Host: x\r\n', BODY_NONE)
    await late.over
    expect(late.body).toBe('half')
    expect(late.failure).toMatchObject({ failure: FAIL_ERROR, phase: PHASE_BODY })
  })

  test('a head that does not come in time', async () => {
    const port = await listen(() => {})
    const recorder = new Recorder()
    open(port, recorder, { ...H2, readTimeoutMs: 50 }).send('GET', '/', 'Host: x\r\n', BODY_NONE)
    await recorder.over
    expect(recorder.failure).toMatchObject({ failure: FAIL_TIMEOUT, phase: PHASE_HEAD })
  })

  test('abort resets the stream and silences it', async () => {
    let closed = false
    const port = await listen((stream) => {
      stream.on('close', () => {
        closed = true
      })
      stream.respond({ ':status': 200 })
      stream.write('some')
    })
    const recorder = new Recorder()
    const exchange = open(port, recorder)
    exchange.send('GET', '/', 'Host: x\r\n', BODY_NONE)
    await waitFor('data', () => recorder.body === 'some')
    exchange.abort()
    await waitFor('the reset', () => closed)
    expect(recorder.failure).toBeUndefined()
    expect(recorder.trailers).toBeUndefined()
  })
})
