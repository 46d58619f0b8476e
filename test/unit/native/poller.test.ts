import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon, POLL_DATA, POLL_END, type Poller } from '../../../src/native/addon.ts'
import { waitFor } from '../../harness/wait_for.ts'
import { child } from './child.ts'

interface Told {
  readonly slot: number
  readonly kind: number
  readonly text: string
}

/** A poller with what it told. */
function polling(maxRecords = 16): { poller: Poller; told: Told[]; calls: number[] } {
  const told: Told[] = []
  const calls: number[] = []
  const buffer = Buffer.alloc(256 * 1024)
  const records = new Int32Array(4 * maxRecords)
  const poller = addon.createPoller(buffer, records, (count) => {
    calls.push(count)
    for (let i = 0; i < count; i++) {
      const [slot = -1, kind = -1, offset = 0, length = 0] = records.subarray(4 * i, 4 * i + 4)
      told.push({ slot, kind, text: buffer.latin1Slice(offset, offset + length) })
    }
  })
  onTestFinished(() => poller.close())
  return { poller, told, calls }
}

/** A socket pair; the first end is for a poller. */
function pair(): [number, number] {
  const [ours, theirs] = addon.createChannel()
  onTestFinished(() => addon.close(theirs))
  return [ours, theirs]
}

describe('a poller', () => {
  it('tells what has happened on several sockets in one call', async () => {
    const { poller, told, calls } = polling()
    const pairs = [pair(), pair(), pair()] as const
    const slots = pairs.map(([ours]) => poller.add(ours))
    for (const [i, [, theirs]] of pairs.entries()) addon.sendText(theirs, `from ${i}`)
    await waitFor('records', () => told.length === 3)
    expect(calls).toEqual([3])
    expect(told).toEqual(slots.map((slot, i) => ({ slot, kind: POLL_DATA, text: `from ${i}` })))
    for (const slot of slots) poller.closeSocket(slot)
  })

  it('goes on in the next turn with what did not fit', async () => {
    const { poller, told, calls } = polling(2)
    const pairs = Array.from({ length: 12 }, pair)
    for (const [ours, theirs] of pairs) {
      addon.sendText(theirs, 'x')
      poller.add(ours)
    }
    await waitFor('records', () => told.length === 12)
    expect(Math.max(...calls)).toBeLessThanOrEqual(2)
  })

  it('reads on when a paused socket is resumed outside of its turns', async () => {
    const { poller, told } = polling()
    const [ours, theirs] = pair()
    const slot = poller.add(ours)
    poller.pause(slot)
    addon.sendText(theirs, 'x')
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect(told).toEqual([])
    poller.resume(slot)
    await waitFor('records', () => told.length === 1)
    poller.shutdown(slot)
    poller.closeSocket(slot)
  })

  it('takes a descriptor, or leaves it to the caller', () => {
    const { poller } = polling()
    expect(poller.add(999_999)).toBe(-9)
    const [ours] = pair()
    const slot = poller.add(ours)
    expect(poller.fd(slot)).toBe(ours)
    poller.closeSocket(slot)
    expect(poller.fd(slot)).toBe(-1)
    expect(() => addon.close(ours)).toThrow('close() failed (9: Bad file descriptor)')
  })

  it('does nothing for a slot that is not in use, or no slot at all', () => {
    const { poller } = polling()
    for (const wrong of [-1, 7, 1e9, Number.NaN, undefined, {}, 'x'] as number[]) {
      poller.pause(wrong)
      poller.resume(wrong)
      poller.awaitWritable(wrong)
      poller.shutdown(wrong)
      poller.closeSocket(wrong)
      poller.resetSocket(wrong)
      expect(poller.fd(wrong)).toBe(-1)
    }
  })

  it('refuses wrong arguments', () => {
    const { poller } = polling()
    const wrong = poller as unknown as Record<'add' | 'connect', (...args: unknown[]) => unknown>
    expect(() => wrong.add('1')).toThrow('poller.add: "fd"')
    expect(() => wrong.connect('name', 1, '', 0, false)).toThrow('poller.connect: "address"')
    expect(() => wrong.connect(1, 1, '', 0, false)).toThrow('poller.connect: "address"')
    expect(() => wrong.connect('::1', 70_000, '', 0, false)).toThrow('poller.connect: "port"')
    expect(() => wrong.connect('::1', 1, 'x', 0, false)).toThrow('poller.connect: "local"')
    expect(() => wrong.connect('::1', 1, '::1', -1, false)).toThrow('poller.connect: "localPort"')
    expect(() => wrong.connect('::1', 1, '::1', 0, 1)).toThrow('poller.connect: "keepalive"')
    expect(() => wrong.connect(`/${'x'.repeat(200)}`, 0, '', 0, false)).toThrow('poller.connect: "address"')
  })

  it('tells the system’s refusal to connect', () => {
    const { poller } = polling()
    expect(poller.connect('/nowhere/at/all', 0, '', 0, false)).toBe(-2)
    expect(poller.connect('127.0.0.1', 1, '192.0.2.1', 0, false)).toBe(-99)
  })

  it('is of no use when it is closed, and closes its sockets', async () => {
    const { poller } = polling()
    const { poller: other, told } = polling()
    const [ours, theirs] = addon.createChannel()
    poller.add(ours)
    const slot = other.add(theirs)
    poller.close()
    const [late] = pair()
    expect(poller.add(late)).toBe(-9)
    addon.close(late)
    await waitFor('the end', () => told.length === 1)
    expect(told).toEqual([{ slot, kind: POLL_END, text: '' }])
    other.closeSocket(slot)
  })

  it('keeps a process alive while it has sockets', async () => {
    const one = child(
      `const records = new Int32Array(16)
      const buffer = Buffer.alloc(65536)
      const poller = addon.createPoller(buffer, records, (count) => {
        say(buffer.latin1Slice(0, records[3]))
        poller.closeSocket(records[0])
      })
      const [ours, theirs] = addon.createChannel()
      poller.add(ours)
      setTimeout(() => addon.sendText(theirs, 'awake'), 50).unref()`,
    )
    expect(await one.next()).toBe('awake')
    expect(await one.exited()).toEqual({ code: 0, signal: null })
  })

  it('turns what its callback throws into an uncaught exception and goes on', async () => {
    const throwing = child(
      `process.on('uncaughtException', (error) => say(error.message))
      let count = 0
      const poller = addon.createPoller(Buffer.alloc(65536), new Int32Array(16), () => {
        if (++count === 2) poller.close()
        else addon.sendText(theirs, 'again')
        throw new Error('call ' + count)
      })
      const [ours, theirs] = addon.createChannel()
      poller.add(ours)
      addon.sendText(theirs, 'x')`,
    )
    expect([await throwing.next(), await throwing.next()]).toEqual(['call 1', 'call 2'])
    expect(await throwing.exited()).toEqual({ code: 0, signal: null })
  })

  it('ends with its thread, and its sockets with it', async () => {
    const addonPath = new URL('../../../build/Release/sluice.node', import.meta.url).pathname
    const [ours, theirs] = addon.createChannel()
    const { poller, told } = polling()
    const slot = poller.add(theirs)
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads')
      const addon = require(${JSON.stringify(addonPath)})
      const poller = addon.createPoller(Buffer.alloc(65536), new Int32Array(16), () => {})
      poller.add(${ours})
      parentPort.postMessage('added')`,
      { eval: true },
    )
    await once(worker, 'message')
    await worker.terminate()
    await waitFor('the end', () => told.length === 1)
    expect(told).toEqual([{ slot, kind: POLL_END, text: '' }])
  })
})
