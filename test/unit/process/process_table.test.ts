import { describe, expect, test } from 'vitest'
import { MAX_PROCESSES, ProcessSlot, ProcessTable, type SpawnKind } from '../../../src/process/process_table.ts'

function slot(number: number, kind: SpawnKind = 'respawn', pid = 1000 + number): ProcessSlot<string> {
  return new ProcessSlot(number, 'worker process', 'data', kind, { pid, channel: [-1, -1], atMs: 0 })
}

describe('ProcessTable', () => {
  test.each<[SpawnKind, boolean, boolean, boolean]>([
    ['norespawn', false, false, false],
    ['just_spawn', false, true, false],
    ['respawn', true, false, false],
    ['just_respawn', true, true, false],
    ['detached', false, false, true],
  ])('a process spawned as %s has the flags of nginx', (kind, respawn, justSpawn, detached) => {
    expect(slot(0, kind)).toMatchObject({ respawn, justSpawn, detached, exiting: false, exited: false, ready: false })
  })

  test('the lowest free slot is taken first', () => {
    const table = new ProcessTable<string>()
    const first = slot(0)
    table.add(first)
    table.add(slot(1))
    expect(table.freeSlot()).toBe(2)
    table.release(first)
    expect(table.freeSlot()).toBe(0)
    expect(table.all().map((process) => process.slot)).toEqual([1])
  })

  test('a taken slot is not given away twice', () => {
    const table = new ProcessTable<string>()
    table.add(slot(3))
    expect(() => table.add(slot(3))).toThrow(RangeError)
  })

  test('there is no slot for the 1025th process', () => {
    const table = new ProcessTable<string>()
    for (let number = 0; number < MAX_PROCESSES; number++) table.add(slot(number))
    expect(table.freeSlot()).toBeUndefined()
  })

  test('processes are found by pid', () => {
    const table = new ProcessTable<string>()
    const process = slot(1)
    table.add(slot(0))
    table.add(process)
    expect(table.byPid(1001)).toBe(process)
    expect(table.byPid(7)).toBeUndefined()
  })
})
