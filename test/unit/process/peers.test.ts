import { describe, expect, test } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { Peers } from '../../../src/process/peers.ts'

/** Does the other end still have a reader? */
function isOpen(end: number): boolean {
  try {
    return addon.writeChannel(end, 1, 0, 0, -1)
  } catch {
    return false
  }
}

describe('Peers', () => {
  test('CLOSE_CHANNEL closes the channel and keeps the pid', () => {
    const [ours, theirs] = addon.createChannel()
    const peers = new Peers()
    peers.open(3, 4711, ours)
    expect(isOpen(theirs)).toBe(true)
    peers.close(3)
    expect(isOpen(theirs)).toBe(false)
    expect(peers.entries().get(3)).toEqual({ pid: 4711, channel: -1 })
    addon.close(theirs)
  })

  test('a respawned process takes its slot, and the channel of the dead one is closed', () => {
    const [ours, theirs] = addon.createChannel()
    const [next, nextTheirs] = addon.createChannel()
    const peers = new Peers()
    peers.open(0, 1, ours)
    peers.open(0, 2, next)
    expect(isOpen(theirs)).toBe(false)
    expect(isOpen(nextTheirs)).toBe(true)
    expect(peers.entries().get(0)).toEqual({ pid: 2, channel: next })
    for (const fd of [theirs, next, nextTheirs]) addon.close(fd)
  })

  test('news of an unknown process is ignored', () => {
    const peers = new Peers()
    peers.close(7)
    expect(peers.entries().size).toBe(0)
  })
})
