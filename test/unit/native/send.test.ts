import { readSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon } from '../../../src/native/addon.ts'

function pair(): [number, number] {
  const ends = addon.createChannel()
  onTestFinished(() => {
    for (const fd of ends) addon.close(fd)
  })
  return ends
}

function received(fd: number): string {
  const buffer = Buffer.alloc(1024)
  return buffer.latin1Slice(0, readSync(fd, buffer))
}

describe('sending', () => {
  it('sends text as latin1 bytes', () => {
    const [ours, theirs] = pair()
    expect(addon.sendText(ours, 'a\xe9\xff\0b')).toBe(5)
    expect(received(theirs)).toBe('a\xe9\xff\0b')
  })

  it('sends a text and bytes behind it in one call', () => {
    const [ours, theirs] = pair()
    expect(addon.sendBoth(ours, 'text \xe9 ', Buffer.from('bytes'))).toBe(12)
    expect(received(theirs)).toBe('text \xe9 bytes')
    expect(addon.sendBoth(ours, '', Buffer.from('b'))).toBe(1)
    expect(addon.sendBoth(ours, 't', Buffer.alloc(0))).toBe(1)
    expect(received(theirs)).toBe('bt')
  })

  it('sends two texts in one call, of any length', () => {
    const [ours, theirs] = pair()
    expect(addon.sendBoth(ours, 'text \xe9 ', 'and \xff')).toBe(12)
    expect(addon.sendBoth(ours, '', '')).toBe(0)
    expect(addon.sendBoth(ours, 'a', '')).toBe(1)
    expect(addon.sendBoth(ours, '', 'b')).toBe(1)
    expect(received(theirs)).toBe('text \xe9 and \xffab')
    const limit = 16 * 1024
    for (const [first, second] of [
      [limit - 2, 1],
      [limit - 1, 0],
      [limit - 1, 1],
      [limit, 1],
      [1, limit],
      [limit + 5, limit + 7],
    ] as const) {
      expect(addon.sendBoth(ours, 'x'.repeat(first), 'y'.repeat(second))).toBe(first + second)
      let text = ''
      while (text.length < first + second) text += received(theirs)
      expect(text === 'x'.repeat(first) + 'y'.repeat(second), `${first} and ${second}`).toBe(true)
    }
  })

  it('tells how much the kernel took', () => {
    const [ours, theirs] = pair()
    expect(addon.sendBoth(ours, 'x'.repeat(30_000), Buffer.from('y'))).toBe(30_001)
    for (let left = 30_001; left > 0; ) left -= received(theirs).length
    let sent = 1
    for (let size = 200_000; size > 0; size = sent === size ? size : Math.floor(size / 2)) {
      sent = addon.sendText(ours, 'x'.repeat(size))
    }
    expect(addon.sendText(ours, 'x')).toBe(0)
    expect(addon.sendBytes(ours, Buffer.from('x'))).toBe(0)
    expect(addon.sendBoth(ours, 'x', Buffer.from('x'))).toBe(0)
  })

  it('tells errors by number and never throws', () => {
    const wrong = addon as unknown as Record<'sendText' | 'sendBytes' | 'sendBoth', (...args: unknown[]) => number>
    const bytes = Buffer.from('x')
    expect(addon.sendText(999_999, 'x')).toBe(-9)
    expect(addon.sendBytes(999_999, bytes)).toBe(-9)
    expect(addon.sendBoth(999_999, 'x', bytes)).toBe(-9)
    expect(addon.writeText(999_999, 'x')).toBe(-9)
    expect([wrong.sendText(), wrong.sendText('1', 'x'), wrong.sendText(1, 2), wrong.sendBytes(1, 'x')]).toEqual([
      -22, -22, -22, -22,
    ])
    expect([wrong.sendBoth(), wrong.sendBoth('1', 'x', bytes), wrong.sendBoth(1, 2, bytes)]).toEqual([-22, -22, -22])
    expect([wrong.sendBoth(1, 'x'), wrong.sendBoth(1, 'x', 7), wrong.sendBoth(1, 'x', new Int8Array(1))]).toEqual([
      -22, -22, -22,
    ])
  })
})
