// Bytes at a rate, on a clock that the test moves.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pacer } from '../../../src/http/pacer.ts'

const START = 1_700_000_000_400 // 0.4 s into its second

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
})

/** An output with room for `room` bytes, and a pacer that writes to it. */
function pacing({ rate = 100, free = 0, head = 0, room = Number.POSITIVE_INFINITY } = {}) {
  const output = {
    text: '',
    bytesSent: head,
    room,
    flushes: 0,
    write(chunk: Buffer | string): boolean {
      this.text += chunk.toString('latin1')
      this.bytesSent += chunk.length
      this.room -= chunk.length
      return this.room > 0
    },
    flush(): void {
      this.flushes++
    },
  }
  let empty = 0
  const pacer = new Pacer(output, rate, free, START, () => empty++)
  return { output, pacer, emptied: () => empty }
}

/** Lets time pass; promises settle in between, as the event's clock needs it. */
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

describe('a pacer', () => {
  it('lets through what the first second allows, and the rest in time', async () => {
    const { output, pacer, emptied } = pacing()
    expect(pacer.write('x'.repeat(250))).toBe(false)
    expect([output.text.length, output.flushes, pacer.busy]).toEqual([100, 1, true])
    await pass(999)
    expect(output.text.length).toBe(100)
    await pass(1)
    // The clock has gone to the next second 400 ms ago.
    expect(output.text.length).toBe(200)
    await pass(1000)
    expect([output.text.length, pacer.busy]).toEqual([250, false])
    expect(emptied()).toBe(0) // the last 50 bytes cost half a second
    await pass(500)
    expect(emptied()).toBe(1)
  })

  it('does not count the first bytes that are free', async () => {
    const { output, pacer } = pacing({ free: 1000 })
    expect(pacer.write('x'.repeat(900))).toBe(true)
    expect(pacer.write('x'.repeat(300))).toBe(false)
    expect(output.text.length).toBe(1100)
  })

  it('counts what was sent before its first byte', () => {
    const { output, pacer } = pacing({ head: 60 })
    pacer.write('x'.repeat(100))
    expect(output.text.length).toBe(40)
  })

  it('waits until a budget that is overdrawn is paid back', async () => {
    const { output, pacer } = pacing({ head: 350 })
    pacer.write('x')
    expect(output.text).toBe('')
    // 100 bytes for each second that has begun: more than 350 from the fourth one on.
    await pass(2599)
    expect(output.text).toBe('')
    await pass(1000)
    expect(output.text).toBe('x')
  })

  it('copies bytes that must wait', async () => {
    const { output, pacer } = pacing()
    const shared = Buffer.alloc(150, 'a')
    pacer.write(shared)
    shared.fill('b')
    await pass(2000)
    expect(output.text).toBe('a'.repeat(150))
  })

  it('keeps the order of what is written while it waits', async () => {
    const { output, pacer } = pacing()
    pacer.write('a'.repeat(150))
    expect(pacer.write('b')).toBe(false)
    await pass(3000)
    expect(output.text).toBe(`${'a'.repeat(150)}b`)
  })

  it('waits for room in the output as well', async () => {
    const { output, pacer, emptied } = pacing({ rate: 10_000, room: 50 })
    expect(pacer.write('x'.repeat(50))).toBe(false)
    pacer.write('y')
    await pass(5000)
    expect(output.text.length).toBe(50)
    output.room = 1000
    pacer.pump()
    expect([output.text.length, emptied()]).toEqual([51, 1])
  })

  it('calls nobody after it was cancelled', async () => {
    const { output, pacer, emptied } = pacing()
    pacer.write('x'.repeat(250))
    pacer.cancel()
    await pass(5000)
    expect([output.text.length, emptied(), pacer.busy]).toEqual([100, 0, false])
  })
})
