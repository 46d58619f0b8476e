import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ZoneRequest } from '../../../src/config/types.ts'
import { addon, type LimitConnZone } from '../../../src/native/addon.ts'
import { UndoList } from '../../../src/process/undo_list.ts'
import { attachZone, closeZones, type OpenZone, openZones, recoverZones } from '../../../src/process/zones.ts'
import { descriptorCounts } from '../../harness/processes.ts'

const SIZE = 128 * 1024

function wanted(name: string, keyText = '$uri', sizeBytes = SIZE, tag = 'limit_req'): ZoneRequest {
  return { name, tag, sizeBytes, keyText, handle: undefined }
}

/** A process that is no more: its pid. */
function deadPid(): number {
  return spawnSync('true').pid
}

function memfds(): number {
  return descriptorCounts(process.pid).get('memfd') ?? 0
}

let before: number
let open: OpenZone[]

beforeEach(() => {
  before = memfds()
  open = openZones([wanted('one'), wanted('two')], [], new UndoList())
})

afterEach(() => {
  closeZones(open, [])
  expect(memfds()).toBe(before)
})

describe('openZones', () => {
  test('creates memory for each zone and fills its handle', () => {
    const request = wanted('three')
    const undo = new UndoList()
    const [zone] = openZones([request], [], undo)
    expect(request.handle).toBe(zone?.handle)
    expect(memfds()).toBe(before + 3)
    undo.run()
    expect(memfds()).toBe(before + 2)
  })

  test('takes over a zone of the same name and size, whatever the order', () => {
    const again = openZones([wanted('two'), wanted('one')], open, new UndoList())
    expect(again.map(({ fd }) => fd)).toEqual([open[1]?.fd, open[0]?.fd])
    expect(again[0]?.handle).toBe(open[1]?.handle)
  })

  test('makes a new zone when the size has changed', () => {
    const [grown] = openZones([wanted('one', '$uri', 2 * SIZE)], open, new UndoList())
    expect(grown?.fd).not.toBe(open[0]?.fd)
    closeZones(open, grown === undefined ? [] : [grown])
    open = grown === undefined ? [] : [grown]
  })

  test('refuses another key for a zone that is in use', () => {
    expect(() => openZones([wanted('one', '$host')], open, new UndoList())).toThrow(
      'limit_req "one" uses the "$host" key while previously it used the "$uri" key',
    )
  })

  test('makes a new zone when another module owns the name now, whatever the key', () => {
    const other = openZones([wanted('one', '$host', SIZE, 'limit_conn')], open, new UndoList())
    expect(other[0]?.fd).not.toBe(open[0]?.fd)
    expect(() => openZones([wanted('one', '$uri', SIZE, 'limit_conn')], other, new UndoList())).toThrow(
      'limit_conn_zone "one" uses the "$uri" key while previously it used the "$host" key',
    )
    closeZones(other, [])
  })

  test('tells a refusal of the zone itself in its own words', () => {
    const undo = new UndoList()
    expect(() => openZones([wanted('tiny', '$uri', 1024, 'limit_conn')], [], undo)).toThrow(
      'shared memory zone "tiny": too small',
    )
    undo.run()
  })

  test('undoing leaves zones alone that were taken over', () => {
    const undo = new UndoList()
    openZones([wanted('one'), wanted('new')], open, undo)
    undo.run()
    expect(memfds()).toBe(before + 2)
  })
})

describe('closeZones', () => {
  test('closes only what no later cycle has taken over', () => {
    const kept = openZones([wanted('two')], open, new UndoList())
    closeZones(open, kept)
    expect(memfds()).toBe(before + 1)
    open = kept
  })
})

describe('attachZone', () => {
  test('maps the zone that the descriptor is', () => {
    const request = wanted('one')
    attachZone(request, open[0]!.fd)
    expect(request.handle).toBeTypeOf('object')
  })

  test('refuses another zone', () => {
    expect(() => attachZone(wanted('two'), open[0]!.fd)).toThrow()
  })
})

describe('recoverZones', () => {
  test('finds nothing to do for a process that held no lock', () => {
    expect(recoverZones(open, deadPid())).toEqual([])
  })

  test('gives back what the process held', () => {
    const conn = openZones([wanted('conn', '$uri', SIZE, 'limit_conn')], [], new UndoList())
    const zone = conn[0]?.handle as LimitConnZone
    const acquire = addon.compileConnLimits([{ zone, connections: 1, dryRun: false }], new Int32Array(1))
    acquire('key')
    expect(recoverZones(conn, deadPid())).toEqual([])
    expect(addon.connZoneStats(zone).connections).toBe(1)
    // As if this process had died.
    expect(recoverZones(conn, process.pid)).toEqual([])
    expect(addon.connZoneStats(zone).connections).toBe(0)
    closeZones(conn, [])
  })
})
