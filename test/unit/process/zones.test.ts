import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ZoneRequest } from '../../../src/config/types.ts'
import type { ErrorLog } from '../../../src/log/error_log.ts'
import { addon, type LimitConnZone, type LimitReqZone } from '../../../src/native/addon.ts'
import { UndoList } from '../../../src/process/undo_list.ts'
import { attachChain, isResizing, openZoneUses, settleZones, useZones } from '../../../src/process/zone_resize.ts'
import {
  adoptZone,
  closeZones,
  describeZones,
  noteClocks,
  type OpenZone,
  type OpenZonesOptions,
  openZones,
  recoverZones,
} from '../../../src/process/zones.ts'
import { descriptorCounts } from '../../harness/processes.ts'

const SIZE = 128 * 1024
const ADDON = join(import.meta.dirname, '../../../build/Release/sluice.node')

function wanted(name: string, keyText = '$uri', sizeBytes = SIZE, tag = 'limit_req', statePath?: string): ZoneRequest {
  return { name, tag, sizeBytes, keyText, statePath, handle: undefined }
}

const opening = (undo = new UndoList(), testing = false): OpenZonesOptions => ({
  undo,
  testing,
  onWarning: (text) => warnings.push(text),
})

/** As a worker does with what it has inherited. */
const attach = (request: ZoneRequest, fd: number): object => attachChain(request, [], () => addon.dup(fd))

/** A process that is no more: its pid. */
function deadPid(): number {
  return spawnSync('true').pid
}

function memfds(): number {
  return descriptorCounts(process.pid).get('memfd') ?? 0
}

let warnings: string[]
let before: number
let open: OpenZone[]

beforeEach(() => {
  warnings = []
  before = memfds()
  open = openZones([wanted('one'), wanted('two')], [], opening())
})

afterEach(() => {
  closeZones(open, [])
  expect(memfds()).toBe(before)
})

describe('openZones', () => {
  test('creates memory for each zone and fills its handle', () => {
    const request = wanted('three')
    const undo = new UndoList()
    const [zone] = openZones([request], [], opening(undo))
    expect(request.handle).toBe(zone?.handle)
    expect(memfds()).toBe(before + 3)
    undo.run()
    expect(memfds()).toBe(before + 2)
  })

  test('takes over a zone of the same name and size, whatever the order', () => {
    const again = openZones([wanted('two'), wanted('one')], open, opening())
    expect(again.map(({ fd }) => fd)).toEqual([open[1]?.fd, open[0]?.fd])
    expect(again[0]?.handle).toBe(open[1]?.handle)
  })

  test('makes a new zone when the size has changed', () => {
    const [grown] = openZones([wanted('one', '$uri', 2 * SIZE)], open, opening())
    expect(grown?.fd).not.toBe(open[0]?.fd)
    closeZones(open, grown === undefined ? [] : [grown])
    open = grown === undefined ? [] : [grown]
  })

  test('refuses another key for a zone that is in use', () => {
    expect(() => openZones([wanted('one', '$host')], open, opening())).toThrow(
      'limit_req "one" uses the "$host" key while previously it used the "$uri" key',
    )
  })

  test('makes a new zone when another module owns the name now, whatever the key', () => {
    const other = openZones([wanted('one', '$host', SIZE, 'limit_conn')], open, opening())
    expect(other[0]?.fd).not.toBe(open[0]?.fd)
    expect(() => openZones([wanted('one', '$uri', SIZE, 'limit_conn')], other, opening())).toThrow(
      'limit_conn_zone "one" uses the "$uri" key while previously it used the "$host" key',
    )
    closeZones(other, [])
  })

  test('tells a refusal of the zone itself in its own words', () => {
    const undo = new UndoList()
    expect(() => openZones([wanted('tiny', '$uri', 1024, 'limit_conn')], [], opening(undo))).toThrow(
      'shared memory zone "tiny": too small for even one key',
    )
    undo.run()
  })

  test('undoing leaves zones alone that were taken over', () => {
    const undo = new UndoList()
    openZones([wanted('one'), wanted('new')], open, opening(undo))
    undo.run()
    expect(memfds()).toBe(before + 2)
  })
})

describe('a zone with a state file', () => {
  let path: string

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'sluice-zones-')), 'state')
  })
  afterEach(() => rmSync(dirname(path), { recursive: true }))

  const kept = (keyText = '$uri'): ZoneRequest => wanted('kept', keyText, SIZE, 'limit_req', path)

  test('is made where there is none, and taken over by the next cycle', () => {
    const zones = openZones([kept()], [], opening())
    expect(statSync(path).size).toBe(SIZE)
    expect(openZones([kept()], zones, opening())[0]?.fd).toBe(zones[0]?.fd)
    noteClocks(zones)
    closeZones(zones, [])
    expect(warnings).toEqual([])
  })

  test('is attached by workers as any other', () => {
    const zones = openZones([kept()], [], opening())
    const request = kept()
    request.handle = attach(request, zones[0]!.fd)
    expect(request.handle).toBeTypeOf('object')
    closeZones(zones, [])
  })

  test('is another zone than one of the same name without', () => {
    const [kept1] = openZones([wanted('one', '$uri', SIZE, 'limit_req', path)], open, opening())
    expect(kept1?.fd).not.toBe(open[0]?.fd)
    closeZones([kept1!], [])
  })

  test('of another key is refused', () => {
    const zones = openZones([kept()], [], opening())
    expect(() => openZones([kept('$host')], [], opening())).toThrow(
      'limit_req "kept" uses the "$host" key while previously it used the "$uri" key',
    )
    closeZones(zones, [])
  })

  test('that is no zone is refused', () => {
    writeFileSync(path, 'precious', { mode: 0o600 })
    expect(() => openZones([kept()], [], opening())).toThrow(`"${path}" is not a limit_req zone`)
  })

  test('that was cut off starts empty, with a warning', () => {
    const make = `require(${JSON.stringify(ADDON)}).openLimitReqZoneFile(${JSON.stringify(path)}, ${SIZE}, 'kept', '$uri', false)`
    expect(spawnSync(process.execPath, ['-e', make]).status).toBe(0)
    truncateSync(path, 5000)
    closeZones(openZones([kept()], [], opening()), [])
    expect(warnings).toEqual([`zone "kept" starts empty: "${path}" has 5000 bytes instead of ${SIZE}`])
  })

  test("in a folder that is not there is the system's error", () => {
    const missing = wanted('kept', '$uri', SIZE, 'limit_req', '/none/state')
    expect(() => openZones([missing], [], opening())).toThrow(
      `open() of ${SIZE} bytes for state file "/none/state" failed (2: No such file or directory)`,
    )
    expect(() => openZones([missing], [], opening(new UndoList(), true))).toThrow(
      'open() of state file "/none/state" failed (2: No such file or directory)',
    )
  })

  test('is left alone by a test of the configuration', () => {
    const undo = new UndoList()
    openZones([kept()], [], opening(undo, true))
    expect(existsSync(path)).toBe(false)
    undo.run()
  })
})

describe('describeZones', () => {
  test('tells about how many keys a zone of limit_req holds', () => {
    const conn = openZones([wanted('conn', '$uri', SIZE, 'limit_conn')], [], opening())
    expect(describeZones([...open, ...conn])).toEqual([
      expect.stringMatching(/^zone "one" holds about 1\d{3} keys of up to 16 bytes$/),
      expect.stringMatching(/^zone "two" holds about 1\d{3} keys of up to 16 bytes$/),
    ])
    closeZones(conn, [])
  })
})

describe('closeZones', () => {
  test('closes only what no later cycle has taken over', () => {
    const kept = openZones([wanted('two')], open, opening())
    closeZones(open, kept)
    expect(memfds()).toBe(before + 1)
    open = kept
  })
})

describe('attachChain', () => {
  test('maps the zone that the descriptor is', () => {
    const request = wanted('one')
    request.handle = attach(request, open[0]!.fd)
    expect(request.handle).toBeTypeOf('object')
  })

  test('refuses another zone', () => {
    expect(() => attach(wanted('two'), open[0]!.fd)).toThrow()
  })
})

describe('a zone that is resized', () => {
  const log = { write: (_level: number, text: string) => logged.push(text) } as unknown as ErrorLog
  let logged: string[]
  let resized: OpenZone[]

  /** A user of the zones as they are now, in another process. */
  const useBy = (zone: OpenZone): number => openZoneUses(zone)[0]!

  beforeEach(() => {
    logged = []
    useZones(open, log)
    resized = openZones([wanted('one', '$uri', 2 * SIZE), wanted('two')], open, opening())
  })

  test('waits until all who use it know its successor', () => {
    const unknowing = useBy(open[0]!)
    const knowing = openZoneUses(resized[0]!)
    useZones(resized, log)
    expect(settleZones(resized, log, false)).toBe(false)
    expect(isResizing(resized)).toBe(true)
    addon.close(unknowing)
    expect(settleZones(resized, log, false)).toBe(true)
    expect(isResizing(resized)).toBe(false)
    expect(logged).toEqual([`zone "one" is in force with ${2 * SIZE} bytes: 0 keys have moved, 0 did not fit`])
    for (const fd of knowing) addon.close(fd)
    closeZones(open, resized)
    open = resized
    expect(memfds()).toBe(before + 2)
  })

  test('a claim keeps away who does not know the successor', () => {
    const [older, newer] = [open[0]!, resized[0]!]
    useZones(resized, log)
    const mark = addon.zoneMark(newer.handle as LimitReqZone)
    expect(addon.claimZone(older.fd, mark)).toBe(true)
    expect(() => addon.openZoneUse(older.fd, 0)).toThrow(/fcntl\(F_OFD_SETLK\)/)
    addon.close(addon.openZoneUse(older.fd, mark))
    addon.giveUpClaim(older.fd, mark)
    addon.close(addon.openZoneUse(older.fd, 0))
    closeZones(resized, open)
  })

  test('is in force itself until then: a reload that goes back finds it as it was', () => {
    const [again] = openZones([wanted('one')], resized, opening())
    expect(again).toBe(open[0])
    const [other] = openZones([wanted('one', '$uri', 3 * SIZE)], resized, opening())
    expect(other?.older).toBe(open[0])
    closeZones([other!], open)
    closeZones(resized, open)
    expect(() => addon.moveZone(open[0]!.handle as LimitReqZone)).toThrow('one with a successor')
  })

  test('with another key it begins anew, as in nginx', () => {
    const [other] = openZones([wanted('one', '$host', 3 * SIZE)], open, opening())
    expect(other?.older).toBeUndefined()
    closeZones([other!], [])
    closeZones(resized, open)
  })

  test('is dropped when the reload fails, with its file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-zones-'))
    const undo = new UndoList()
    openZones([wanted('one', '$uri', 2 * SIZE, 'limit_req', join(folder, 'state'))], open, opening(undo))
    undo.run()
    expect(readdirSync(folder)).toEqual([])
    rmSync(folder, { recursive: true })
    expect(() => addon.moveZone(open[0]!.handle as LimitReqZone)).toThrow('one with a successor')
    closeZones(resized, open)
  })
})

describe('a resize that does not go as it should', () => {
  const log = { write: (_level: number, text: string) => logged.push(text) } as unknown as ErrorLog
  let logged: string[]
  let folder: string

  beforeEach(() => {
    logged = []
    folder = mkdtempSync(join(tmpdir(), 'sluice-zones-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Both are in use, and no more is needed to put the new ones in force. */
  function prepare(...requests: ZoneRequest[]): OpenZone[] {
    useZones(open, log)
    const zones = openZones(requests, open, opening())
    useZones(zones, log)
    return zones
  }

  function inForce(zones: OpenZone[]): void {
    closeZones(open, zones, log)
    open = zones
  }

  test('waits for processes of others, and says so once', () => {
    const foreign = addon.openZoneUse(open[0]!.fd, 0)
    const zones = prepare(wanted('one', '$uri', 2 * SIZE))
    for (let i = 0; i < 3; i++) expect(settleZones(zones, log, true)).toBe(false)
    expect(logged).toEqual(['zone "one" is resized when other processes use it no more'])
    addon.close(foreign)
    expect(settleZones(zones, log, true)).toBe(true)
    inForce(zones)
  })

  test('is tried again, and the other zones do not wait for it', () => {
    const zones = prepare(wanted('one', '$uri', 2 * SIZE), wanted('two', '$uri', 2 * SIZE))
    const { fd } = open[0]!
    open[0]!.fd = -1
    for (let i = 0; i < 3; i++) settleZones(zones, log, true)
    expect(logged.filter((text) => text.startsWith('zone "one" cannot be resized yet'))).toHaveLength(1)
    expect(zones[1]!.older).toBeUndefined()
    open[0]!.fd = fd
    expect(settleZones(zones, log, true)).toBe(true)
    inForce(zones)
  })

  test('leaves a file alone that somebody else has made meanwhile', () => {
    const path = join(folder, 'state')
    const zones = prepare(wanted('one', '$uri', SIZE, 'limit_req', path))
    writeFileSync(path, 'precious')
    expect(settleZones(zones, log, true)).toBe(true)
    expect(logged[1]).toBe(`state file "${path}" of zone "one" could not be made (17: File exists)`)
    expect(statSync(path).size).toBe(8)
    inForce(zones)
  })

  test('is given up with the file that has another name until then, if that is still there', () => {
    const zones = prepare(wanted('one', '$uri', 2 * SIZE), wanted('two', '$uri', 2 * SIZE))
    const path = join(folder, 'state.0123')
    writeFileSync(path, '')
    zones[0]!.temporary = path
    zones[1]!.temporary = join(folder, 'none')
    closeZones(zones, open, log)
    expect(readdirSync(folder)).toEqual([])
    expect(logged).toEqual([])
  })

  test('does not wait for connections of the dead', () => {
    open.push(...openZones([wanted('conn', '$uri', SIZE, 'limit_conn')], [], opening()))
    const hold = `
      const addon = require(${JSON.stringify(ADDON)})
      const zone = addon.attachLimitConnZone(3, ${SIZE}, 'conn')
      addon.compileConnLimits([{ zone, connections: 1, dryRun: false }], new Int32Array(1))('key')
      process.kill(process.pid, 'SIGKILL')`
    const stdio = ['ignore', 'ignore', 'inherit', open[2]!.fd] as const
    expect(spawnSync(process.execPath, ['-e', hold], { stdio: [...stdio] }).signal).toBe('SIGKILL')
    expect(addon.connZoneStats(open[2]!.handle as LimitConnZone).connections).toBe(1)
    const zones = prepare(wanted('conn', '$uri', 2 * SIZE, 'limit_conn'))
    expect(settleZones(zones, log, true)).toBe(true)
    inForce(zones)
  })
})

describe('adoptZone', () => {
  const record = (fd: number) => {
    const { handle: _handle, ...zone } = open[0]!
    return { ...zone, fd, older: undefined }
  }
  const whole = () => record(addon.dup(open[0]!.fd))
  const useless = () => record(addon.createSharedMemory('useless', SIZE))

  test('goes without an old zone that is not in force any more', () => {
    const zone = adoptZone({ ...whole(), older: { ...useless(), superseded: true } })
    expect(zone.older).toBeUndefined()
    closeZones([zone], [])
  })

  test('closes all of a zone that it cannot use', () => {
    expect(() => adoptZone({ ...whole(), older: useless() })).toThrow('shared memory zone')
    expect(memfds()).toBe(before + 2)
  })
})

describe('recoverZones', () => {
  test('finds nothing to do for a process that held no lock', () => {
    expect(recoverZones(open, deadPid())).toEqual([])
  })

  test('gives back what the process held', () => {
    const conn = openZones([wanted('conn', '$uri', SIZE, 'limit_conn')], [], opening())
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
