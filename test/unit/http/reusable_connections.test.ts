import { beforeEach, describe, expect, test } from 'vitest'
import { nextWait, type Reusable, ReusableConnections } from '../../../src/http/reusable_connections.ts'

class Connection implements Reusable {
  isReusable = true
  waitingSince = nextWait()
  closed = false

  destroy(): void {
    this.isReusable = false
    this.closed = true
  }

  /** It had a request and waits again. */
  wait(): void {
    this.waitingSince = nextWait()
  }
}

let all: Connection[]
let reusable: ReusableConnections
let calls: number

beforeEach(() => {
  all = []
  reusable = new ReusableConnections(all)
  calls = 0
})

const add = (count: number) => all.push(...Array.from({ length: count }, () => new Connection()))
const closeSome = () => reusable.closeSome(() => calls++)
const closed = () => all.flatMap((connection, index) => (connection.closed ? [index] : []))

describe('ReusableConnections', () => {
  test('closes an eighth of those that wait, the oldest first', () => {
    add(24)
    all[0]!.wait()
    all[2]!.isReusable = false
    closeSome()
    expect(closed()).toEqual([1, 3])
  })

  test('closes one at least and 32 at most', () => {
    add(1)
    closeSome()
    expect(closed()).toEqual([0])
    add(1000)
    closeSome()
    expect(closed()).toHaveLength(33)
  })

  test('says nothing when nobody waits', () => {
    add(3)
    for (const connection of all) connection.isReusable = false
    closeSome()
    expect(calls).toBe(0)
    expect(closed()).toEqual([])
  })

  test('leaves those alone that have had a request, or have gone, since it looked', () => {
    add(8)
    closeSome()
    expect(closed()).toEqual([0])
    all[1]!.wait()
    all[2]!.isReusable = false
    add(1)
    closeSome()
    expect(closed()).toEqual([0, 3])
    for (let i = 0; i < 4; i++) closeSome()
    expect(closed()).toEqual([0, 3, 4, 5, 6, 7])
    // Only now it looks again: 1 has begun to wait before 8.
    closeSome()
    expect(closed()).toEqual([0, 1, 3, 4, 5, 6, 7])
  })
})
