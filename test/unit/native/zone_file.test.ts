import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addon, LIMIT_REJECTED, type LimitReqZone, type ZoneFile } from '../../../src/native/addon.ts'
import { type Child, child } from './child.ts'
import { flagsOf } from './descriptors.ts'

const SIZE = 64 * 1024

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-zone-'))
  path = join(folder, 'zone')
})
afterEach(() => rmSync(folder, { recursive: true }))

function open(): ZoneFile {
  return addon.openLimitReqZoneFile(path, SIZE, 'one', '$key', false)
}

/** Another process that has opened the file. */
function other(script: string): Child {
  return child(
    `const { zone } = addon.openLimitReqZoneFile(${JSON.stringify(path)}, ${SIZE}, 'one', '$key', false)\n${script}`,
  )
}

/** One request of a rate without burst. */
function hit(zone: LimitReqZone, key: string): number {
  const limit = { zone, rate: 1000, burst: 0, delay: 0, dryRun: false }
  return addon.compileLimits([limit], new Float64Array(2))(key)
}

describe('a zone in a file', () => {
  it('is made where there is none, private and closed on exec', () => {
    const { fd, origin, problem } = open()
    expect([origin, problem]).toEqual(['created', ''])
    expect(statSync(path).mode & 0o7777).toBe(0o600)
    expect(statSync(path).size).toBe(SIZE)
    expect(flagsOf(fd).closeOnExec).toBe(true)
    closeSync(fd)
  })

  it('outlives the process that made it', async () => {
    const maker = other(
      `const limit = { zone, rate: 1000, burst: 0, delay: 0, dryRun: false }
      say(addon.compileLimits([limit], new Float64Array(2))('key'))`,
    )
    expect(await maker.next()).toBe(0)
    await maker.exited()
    const recovered = open()
    expect(recovered.origin).toBe('recovered')
    expect(addon.checkZone(recovered.zone)).toBeUndefined()
    expect(addon.zoneStats(recovered.zone).nodes).toBe(1)
    closeSync(recovered.fd)
  })

  it('is in use as long as somebody maps it, also without the descriptor', () => {
    const { zone, fd } = open()
    closeSync(fd)
    expect(hit(zone, 'key')).toBe(0)
    const again = open()
    expect(again.origin).toBe('shared')
    expect(hit(again.zone, 'key')).toBe(LIMIT_REJECTED)
    closeSync(again.fd)
  })

  it('says what was wrong with a file that it replaced', async () => {
    const maker = other('say(1)')
    await maker.next()
    await maker.exited()
    truncateSync(path, 5000)
    const { fd, origin, problem } = open()
    expect(origin).toBe('replaced')
    expect(problem).toBe(`"${path}" has 5000 bytes instead of ${SIZE}`)
    closeSync(fd)
  })

  it('does not overwrite what is no zone', () => {
    writeFileSync(path, 'precious', { mode: 0o600 })
    expect(open).toThrow(expect.objectContaining({ code: 'ERR_ZONE', message: `"${path}" is not a limit_req zone` }))
    expect(readFileSync(path, 'latin1')).toBe('precious')
  })

  it('is not made when the zone would be too small', () => {
    expect(() => addon.openLimitReqZoneFile(path, 4096, 'one', '', false)).toThrow(
      `"${path}" cannot be made: too small for even one key`,
    )
    expect(() => statSync(path)).toThrow('ENOENT')
  })

  it('tells the call that the system refused', () => {
    path = join(folder, 'none', 'zone')
    expect(open).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'open' }))
  })

  it('takes note of the wall clock', () => {
    const { zone, fd } = open()
    expect(addon.noteZoneClock(zone)).toBeUndefined()
    closeSync(fd)
  })
})
