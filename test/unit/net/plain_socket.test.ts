import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import type { SocketFailure, SocketOwner } from '../../../src/net/byte_socket.ts'
import { type ConnectOptions, PlainSocket } from '../../../src/net/plain_socket.ts'
import { waitFor } from '../../harness/wait_for.ts'

/** An owner that writes down what it was told. */
class Recorder implements SocketOwner {
  readonly told: string[] = []
  received = ''
  failure: SocketFailure | undefined
  whenData: () => void = () => undefined

  onConnect(): void {
    this.told.push('connect')
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.received += bytes.latin1Slice(start, end)
    this.whenData()
  }

  onEnd(): void {
    this.told.push('end')
  }

  onError(failure: SocketFailure): void {
    this.failure = failure
    this.told.push('error')
  }

  onDrain(): void {
    this.told.push('drain')
  }
}

interface Connected {
  readonly socket: PlainSocket
  readonly owner: Recorder
  readonly peer: Socket
  /** What the peer got, read from when `peer.resume()` is called. */
  readonly received: () => string
}

const options = { local: '', localPort: 0, keepalive: false }

async function listen(place: { path: string } | { port: number; host: string }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(place, resolve))
  onTestFinished(() => {
    server.close()
  })
  return server
}

async function connectTo(server: Server, to: ConnectOptions): Promise<Connected> {
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const owner = new Recorder()
  const socket = PlainSocket.connect(to, owner)
  onTestFinished(() => socket.destroy())
  const peer = await accepted
  const chunks: Buffer[] = []
  peer.on('data', (chunk: Buffer) => chunks.push(chunk))
  peer.on('error', () => undefined)
  onTestFinished(() => {
    peer.destroy()
  })
  await waitFor('connect', () => owner.told.includes('connect'))
  return { socket, owner, peer, received: () => Buffer.concat(chunks).latin1Slice() }
}

async function connected(): Promise<Connected> {
  const server = await listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.address() as { port: number }
  return connectTo(server, { address: '127.0.0.1', port, ...options })
}

/** Writes until the kernel takes no more. */
function fill(socket: PlainSocket): number {
  let written = 0
  while (socket.queuedBytes === 0) {
    socket.writeText('x'.repeat(50_000))
    written += 50_000
  }
  return written
}

describe('a plain socket', () => {
  it('reads and writes', async () => {
    const { socket, owner, peer, received } = await connected()
    peer.resume()
    socket.writeText('a\xe9')
    socket.writeBytes(Buffer.from('b'), false)
    socket.writeBoth('c', Buffer.from('d'), true)
    socket.writeBoth('e', '\xff', true)
    await waitFor('bytes', () => received() === 'a\xe9bcde\xff')
    expect(socket.queuedBytes).toBe(0)
    peer.write('answer')
    await waitFor('an answer', () => owner.received === 'answer')
  })

  it('connects to a unix socket', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    const path = join(dir, 's')
    const { socket, peer, received } = await connectTo(await listen({ path }), { address: path, port: 0, ...options })
    peer.resume()
    socket.writeText('x')
    await waitFor('a byte', () => received() === 'x')
  })

  it('connects from a given address, with Nagle off and keepalive as asked for', async () => {
    const server = await listen({ port: 0, host: '127.0.0.1' })
    const { port } = server.address() as { port: number }
    const to = { address: '127.0.0.1', port, local: '127.0.0.7', localPort: 0, keepalive: true }
    const { peer, socket } = await connectTo(server, to)
    expect(peer.remoteAddress).toBe('127.0.0.7')
    expect(addon.socketName(socket.fd)).toMatchObject({ address: '127.0.0.7', port: peer.remotePort })
  })

  it('keeps the order when the kernel is full, copies what must wait, and tells when all is out', async () => {
    const { socket, owner, peer, received } = await connected()
    const shared = Buffer.alloc(64 * 1024)
    let expected = ''
    for (let i = 0; i < 300; i++) {
      const letter = String.fromCharCode(97 + (i % 26))
      shared.fill(letter)
      if (i % 4 === 0) socket.writeText(letter.repeat(100_000))
      else if (i % 4 === 1) socket.writeBytes(shared, false)
      else if (i % 4 === 2) socket.writeBoth(letter.repeat(100_000 - shared.length), shared, false)
      else socket.writeBoth(letter.repeat(i * 300), letter.repeat(100_000 - i * 300), false)
      expected += letter.repeat(i % 4 === 1 ? shared.length : 100_000)
    }
    shared.fill('!')
    expect(socket.queuedBytes).toBeGreaterThan(0)
    socket.end()
    peer.resume()
    await waitFor('the end', () => peer.readableEnded)
    expect(received() === expected).toBe(true)
    expect(owner.told).toEqual(['connect', 'drain'])
    expect(socket.queuedBytes).toBe(0)
  })

  it('reads nothing while it is paused, but one read that is under way', async () => {
    const { socket, owner, peer } = await connected()
    owner.whenData = () => socket.pause()
    const size = 2_000_000
    peer.end('x'.repeat(size))
    await waitFor('first bytes', () => owner.received !== '')
    for (let reads = 1; owner.received.length < size; reads++) {
      const { length } = owner.received
      expect(length).toBeLessThanOrEqual(reads * 65536)
      await new Promise((resolve) => setTimeout(resolve, 2)) // time in which nothing must come
      expect(owner.received.length).toBe(length)
      socket.resume()
      await waitFor('more', () => owner.received.length > length)
    }
    expect(owner.told).toEqual(['connect'])
    socket.resume()
    await waitFor('the end', () => owner.told.includes('end'))
  })

  it('writes on when the peer has shut its side', async () => {
    const { socket, owner, peer, received } = await connected()
    peer.end()
    await waitFor('the end', () => owner.told.includes('end'))
    socket.writeText('still here')
    socket.end()
    peer.resume()
    await waitFor('the rest', () => peer.readableEnded)
    expect(received()).toBe('still here')
  })

  it('tells that it was refused, later', async () => {
    const server = await listen({ port: 0, host: '127.0.0.1' })
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const owner = new Recorder()
    const socket = PlainSocket.connect({ address: '127.0.0.1', port, ...options }, owner)
    expect(owner.told).toEqual([])
    await waitFor('the error', () => owner.told.length > 0)
    expect(owner.failure).toEqual({ text: '111: Connection refused', isSystem: true, sending: false, readsOn: false })
    socket.destroy()
  })

  it('tells later what the system says at once, unless it is destroyed before', async () => {
    const to = { address: '/nowhere/at/all', port: 0, ...options }
    const owner = new Recorder()
    const destroyedOwner = new Recorder()
    const socket = PlainSocket.connect(to, owner)
    PlainSocket.connect(to, destroyedOwner).destroy()
    expect(owner.told).toEqual([])
    await waitFor('the error', () => owner.told.length > 0)
    expect(owner.failure?.text).toBe('2: No such file or directory')
    expect(destroyedOwner.told).toEqual([])
    expect(socket.fd).toBe(-1)
    socket.writeText('x')
    socket.pause()
    socket.resume()
    socket.end()
    socket.destroy()
  })

  it('tells a reset by the peer', async () => {
    const { owner, peer } = await connected()
    peer.resetAndDestroy()
    await waitFor('the error', () => owner.told.includes('error'))
    expect(owner.failure).toEqual({
      text: '104: Connection reset by peer',
      isSystem: true,
      sending: false,
      readsOn: false,
    })
  })

  it('tells a failed write later and once, and drops what follows', async () => {
    const { socket, owner, peer } = await connected()
    socket.pause()
    peer.resetAndDestroy()
    await waitFor('the failure', () => {
      socket.writeText('x')
      return owner.told.includes('error')
    })
    expect(owner.failure).toMatchObject({ isSystem: true, sending: true, readsOn: true })
    socket.writeBytes(Buffer.from('x'), true)
    expect(socket.queuedBytes).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect(owner.told).toEqual(['connect', 'error'])
  })

  it('tells a writer who waits for room that the peer is gone', async () => {
    const { socket, owner, peer } = await connected()
    socket.pause()
    fill(socket)
    peer.resetAndDestroy()
    await waitFor('the error', () => owner.told.includes('error'))
    expect(owner.failure?.sending).toBe(true)
    expect(socket.queuedBytes).toBe(0)
  })

  it('loses what waits when it is destroyed, and can be reset', async () => {
    const { socket, peer, received } = await connected()
    const written = fill(socket)
    socket.destroy()
    expect(socket.queuedBytes).toBe(0)
    expect(socket.fd).toBe(-1)
    peer.resume()
    await waitFor('the end', () => peer.readableEnded)
    expect(received().length).toBeLessThan(written)

    const other = await connected()
    const error = new Promise<NodeJS.ErrnoException>((resolve) => other.peer.once('error', resolve))
    other.peer.resume()
    other.socket.reset()
    expect((await error).code).toBe('ECONNRESET')
  })

  it('is silent after it was destroyed, and leaves the next one with its descriptor alone', async () => {
    const first = await connected()
    const second = await connected()
    first.peer.write('to the first')
    second.peer.write('to the second')
    // Both in one batch: what the first one does concerns the second.
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      one.owner.whenData = () => other.socket.destroy()
    }
    await waitFor('one of them', () => first.owner.received !== '' || second.owner.received !== '')
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect([first.owner.received, second.owner.received].filter((text) => text !== '')).toHaveLength(1)

    const dead = first.socket.fd < 0 ? first : second
    const next = await connected()
    next.peer.resume()
    dead.socket.writeText('stray')
    dead.socket.writeBytes(Buffer.from('stray'), true)
    dead.socket.pause()
    dead.socket.resume()
    dead.socket.end()
    dead.socket.destroy()
    next.socket.writeText('mine')
    await waitFor('its bytes', () => next.received() === 'mine')
    next.peer.write('answer')
    await waitFor('its answer', () => next.owner.received === 'answer')
  })
})

describe('adopting', () => {
  it('takes a descriptor over, or throws and leaves it', async () => {
    const [ours, theirs] = addon.createChannel()
    onTestFinished(() => addon.close(theirs))
    const owner = new Recorder()
    const socket = PlainSocket.adopt(ours, owner)
    addon.sendText(theirs, 'x')
    await waitFor('a byte', () => owner.received === 'x')
    socket.destroy()
    expect(() => PlainSocket.adopt(999_999, owner)).toThrow('epoll_ctl() failed (9: Bad file descriptor)')
  })
})
