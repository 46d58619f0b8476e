import { beforeEach, describe, expect, test } from 'vitest'
import { type ChannelMessage, STAND_DOWN, STAND_IN } from '../../../src/process/channel.ts'
import type { Cycle } from '../../../src/process/cycle.ts'
import { ProcessSlot } from '../../../src/process/process_table.ts'
import { StandIns } from '../../../src/process/stand_ins.ts'
import type { Worker } from '../../../src/process/workers.ts'

const plain = { text: '127.0.0.1:80' }
const split = { text: '127.0.0.1:81' }

/** Three workers; one shared socket (fd 10), and four of one address (fds 20 to 23), of which the last is left over. */
const cycle = {
  configuration: { settings: { core: { workerProcesses: 3 } }, parsed: { resources: { listens: [plain, split] } } },
  sockets: [
    { request: plain, fd: 10, share: -1 },
    ...[0, 1, 2, 3].map((share) => ({ request: split, fd: 20 + share, share })),
  ],
} as unknown as Cycle

let sent: (readonly [to: number, command: number, index: number, fd: number])[]
let isFull: boolean
let standIns: StandIns

beforeEach(() => {
  sent = []
  isFull = false
  standIns = new StandIns((worker, { command, pid, slot, fd }: ChannelMessage) => {
    if (command === STAND_IN) expect(slot).toBe(1)
    if (!isFull) sent.push([worker.data.index, command, pid, fd])
    return !isFull
  })
})

function worker(index: number, ready = true): Worker {
  const made = new ProcessSlot(index, 'worker process', { cycle, index, quickDeaths: 0 }, 'respawn', {
    pid: 100 + index,
    channel: [-1, -1],
    atMs: 0,
  })
  made.ready = ready
  return made
}

describe('StandIns', () => {
  const [w0, w1, w2] = [worker(0), worker(1), worker(2)]

  test('nothing is asked of anybody while all are there', () => {
    standIns.update(cycle, [w0, w1, w2])
    expect(sent).toEqual([])
  })

  test('a sibling gets the sockets of one that is away, once, until its successor is ready', () => {
    standIns.update(cycle, [w1, w2])
    // Number 0 of three also accepts on the socket that is left over.
    expect(sent.splice(0)).toEqual([
      [1, STAND_IN, 0, 20],
      [1, STAND_IN, 0, 23],
    ])
    standIns.update(cycle, [worker(0, false), w1, w2])
    expect(sent).toEqual([])
    standIns.update(cycle, [worker(0), w1, w2])
    expect(sent).toEqual([[1, STAND_DOWN, 0, -1]])
  })

  test('when the stand-in dies somebody else takes over both', () => {
    standIns.update(cycle, [w1, w2])
    sent.length = 0
    standIns.update(cycle, [w2])
    expect(sent).toEqual([
      [2, STAND_IN, 0, 20],
      [2, STAND_IN, 0, 23],
      [2, STAND_IN, 1, 21],
    ])
  })

  test('a worker whose channel is full is asked again at the next change', () => {
    isFull = true
    standIns.update(cycle, [w0, w1])
    isFull = false
    standIns.update(cycle, [w0, w1])
    expect(sent).toEqual([[0, STAND_IN, 2, 22]])
  })

  test('when nobody is left there is nobody to ask, and a new generation begins anew', () => {
    standIns.update(cycle, [])
    expect(sent).toEqual([])
    standIns.update(cycle, [w0, w1])
    sent.length = 0
    const next = { ...cycle } as Cycle
    standIns.update(next, [w0, w1, w2])
    expect(sent).toEqual([])
  })
})
