import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { descriptorOf, writeBytes, writeText } from '../../../src/net/direct_write.ts'

let server: Server
let ours: Socket
let peer: Socket
let received: Buffer[]

beforeEach(async () => {
  received = []
  server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  peer = connect(port, '127.0.0.1')
  ours = await new Promise<Socket>((resolve) => server.once('connection', resolve))
  ours.on('error', () => undefined)
})

afterEach(() => {
  peer.destroy()
  ours.destroy()
  server.close()
})

function readAll(): Promise<Buffer> {
  return new Promise((resolve) => {
    peer.on('data', (chunk: Buffer) => received.push(chunk))
    peer.on('close', () => resolve(Buffer.concat(received)))
  })
}

describe('direct writes', () => {
  it('send text as latin1 bytes, nothing through the stream', async () => {
    writeText(ours, descriptorOf(ours), 'a\xe9\xff\0b')
    expect(ours.bytesWritten).toBe(0)
    ours.end()
    expect((await readAll()).latin1Slice()).toBe('a\xe9\xff\0b')
  })

  it('keep the order when the kernel is full, and copy what must wait', async () => {
    const fd = descriptorOf(ours)
    const shared = Buffer.alloc(64 * 1024)
    let expected = ''
    for (let i = 0; i < 200; i++) {
      const letter = String.fromCharCode(97 + (i % 26))
      if (i % 3 === 0) {
        writeText(ours, fd, letter.repeat(100_000))
        expected += letter.repeat(100_000)
      } else {
        shared.fill(letter)
        writeBytes(ours, fd, shared)
        expected += letter.repeat(shared.length)
      }
    }
    shared.fill('!')
    expect(ours.writableLength).toBeGreaterThan(0)
    ours.end()
    expect((await readAll()).latin1Slice() === expected).toBe(true)
  })

  it('leave a destroyed socket’s descriptor alone', () => {
    const fd = descriptorOf(ours)
    ours.destroy()
    const [a, b] = addon.createChannel()
    try {
      // The number may have been given away already; whatever it names now gets nothing.
      writeText(ours, fd, 'stray')
      writeBytes(ours, fd, Buffer.from('stray'))
      expect(addon.sendText(b, 'x')).toBe(1)
    } finally {
      addon.close(a)
      addon.close(b)
    }
  })

  it('tell errors by number and never throw', () => {
    const wrong = addon as unknown as { sendText(...args: unknown[]): number; sendBytes(...args: unknown[]): number }
    expect(addon.sendText(999_999, 'x')).toBe(-9)
    expect(addon.sendBytes(999_999, Buffer.from('x'))).toBe(-9)
    expect(addon.writeText(999_999, 'x')).toBe(-9)
    expect([wrong.sendText(), wrong.sendText('1', 'x'), wrong.sendText(1, 2), wrong.sendBytes(1, 'x')]).toEqual([
      -22, -22, -22, -22,
    ])
  })
})
