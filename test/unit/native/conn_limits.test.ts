import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  addon,
  type ConnLimitSpec,
  LIMIT_NO_MEMORY,
  LIMIT_NOT_ACCOUNTED,
  LIMIT_REJECTED,
  type LimitConnZone,
} from '../../../src/native/addon.ts'
import { waitFor } from '../../harness/wait_for.ts'
import { type Child, child } from './child.ts'

const SIZE = 64 * 1024

function newZone(name = 'one', size = SIZE): LimitConnZone {
  const fd = addon.createSharedMemory(name, size)
  const zone = addon.createLimitConnZone(fd, size, name, '$binary_remote_addr')
  closeSync(fd)
  return zone
}

/** One connection, unless said otherwise. */
function limit(zone: LimitConnZone, more: Partial<ConnLimitSpec> = {}): ConnLimitSpec {
  return { zone, connections: 1, dryRun: false, ...more }
}

function held(zone: LimitConnZone): number {
  return addon.connZoneStats(zone).connections
}

describe('compiled connection limits', () => {
  it('hold as many connections as they say, until they are released', () => {
    const zone = newZone()
    const acquire = addon.compileConnLimits([limit(zone, { connections: 2 })], new Int32Array(1))
    const [first, second] = [acquire('key'), acquire('key')]
    expect(first).toBeGreaterThan(0)
    expect(second).toBeGreaterThan(0)
    expect(second).not.toBe(first)
    expect(acquire('key')).toBe(LIMIT_REJECTED)
    expect(acquire('other')).toBeGreaterThan(0)
    addon.releaseConnections(first)
    expect(acquire('key')).toBeGreaterThan(0)
    expect(acquire('key')).toBe(LIMIT_REJECTED)
    expect(addon.checkConnZone(zone)).toBeUndefined()
  })

  it('keep keys apart, byte by byte, and skip those that are empty or above 255 bytes', () => {
    const acquire = addon.compileConnLimits([limit(newZone())], new Int32Array(1))
    for (const key of ['a', 'b', 'ab', '\xff', '\x7f', '\0', '\0\0', 'a\0', 'k'.repeat(254), 'k'.repeat(255)]) {
      expect(acquire(key), JSON.stringify(key)).toBeGreaterThan(0)
      expect(acquire(key), JSON.stringify(key)).toBe(LIMIT_REJECTED)
    }
    for (const key of ['', 'k'.repeat(256), 'k'.repeat(257), 'k'.repeat(100_000)]) {
      expect(acquire(key)).toBe(LIMIT_NOT_ACCOUNTED)
    }
  })

  it('take all or none, have one handle for all, and tell which limit refused', () => {
    const result = new Int32Array(1)
    const [wide, narrow] = [newZone('wide'), newZone('narrow')]
    const both = addon.compileConnLimits([limit(wide, { connections: 9 }), limit(narrow)], result)
    const handle = both('x', 'x')
    expect([held(wide), held(narrow)]).toEqual([1, 1])
    expect(both('x', 'x')).toBe(LIMIT_REJECTED)
    expect(result[0]).toBe(1)
    expect([held(wide), held(narrow)]).toEqual([1, 1])
    const one = both('y', '')
    expect([held(wide), held(narrow)]).toEqual([2, 1])
    addon.releaseConnections(handle)
    expect([held(wide), held(narrow)]).toEqual([1, 0])
    addon.releaseConnections(one)
    expect([held(wide), held(narrow)]).toEqual([0, 0])
    expect(addon.connZoneStats(wide).nodes).toBe(0)
  })

  it('take sixteen limits', () => {
    const zones = Array.from({ length: 16 }, (_, index) => newZone(`zone ${index}`))
    const result = new Int32Array(1)
    const acquire = addon.compileConnLimits(
      zones.map((zone) => limit(zone)),
      result,
    )
    const keys = zones.map((_, index) => 'x'.repeat(index * 17))
    const handle = acquire(...keys)
    expect(zones.map(held)).toEqual([0, ...Array<number>(15).fill(1)])
    expect(acquire(...keys)).toBe(LIMIT_REJECTED)
    expect(result[0]).toBe(1)
    addon.releaseConnections(handle)
    expect(zones.map(held)).toEqual(Array<number>(16).fill(0))
  })

  it('refuse for lack of memory, and only new keys', () => {
    const zone = newZone('one', 32 * 1024)
    const capacity = addon.connZoneCapacity(32 * 1024, 4)
    const acquire = addon.compileConnLimits([limit(zone, { connections: 5 })], new Int32Array(1))
    const handles = Array.from({ length: capacity }, (_, i) => acquire(String(i).padStart(4, '.')))
    expect(Math.min(...handles)).toBeGreaterThan(0)
    expect(acquire('full')).toBe(LIMIT_NO_MEMORY)
    expect(acquire('...7')).toBeGreaterThan(0)
    addon.releaseConnections(handles[3] ?? 0)
    expect(acquire('full')).toBeGreaterThan(0)
    expect(addon.connZoneStats(zone).allocationFailures).toBe(1)
  })

  it('count what was decided', () => {
    const zone = newZone()
    const acquire = addon.compileConnLimits([limit(zone)], new Int32Array(1))
    const dry = addon.compileConnLimits([limit(zone, { dryRun: true })], new Int32Array(1))
    acquire('key')
    for (let i = 0; i < 3; i++) acquire('key')
    dry('key')
    expect(addon.connZoneStats(zone)).toEqual({
      passed: 1,
      rejected: 3,
      rejectedDryRun: 1,
      allocationFailures: 0,
      returned: 0,
      lockSpins: expect.any(Number) as number,
      lockSleeps: expect.any(Number) as number,
      repairs: 0,
      connections: 1,
      nodes: 1,
      owners: 1,
    })
  })

  it('refuse keys that are no strings, and too few of them', () => {
    const acquire = addon.compileConnLimits([limit(newZone('a')), limit(newZone('b'))], new Int32Array(1)) as (
      ...keys: unknown[]
    ) => number
    for (const wrong of [undefined, null, 1, {}, Buffer.from('x'), Symbol('x')]) {
      expect(() => acquire('x', wrong)).toThrow(TypeError)
    }
    expect(() => acquire('x')).toThrow('every key must be a string')
  })

  it('refuse specifications that are wrong', () => {
    const zone = newZone()
    const compile = (limits: unknown, result: unknown = new Int32Array(1)): unknown =>
      addon.compileConnLimits(limits as ConnLimitSpec[], result as Int32Array)
    expect(() => compile([])).toThrow('"limits" must be an array of 1 to 16 limits')
    expect(() => compile(Array.from({ length: 17 }, (_, i) => limit(newZone(`${i}`))))).toThrow('1 to 16 limits')
    expect(() => compile([limit(zone), limit(zone)])).toThrow('"limits[i].zone" must be another zone each')
    expect(() => compile([null])).toThrow('"limits[i]" must be an object')
    expect(() => compile([{ ...limit(zone), zone: {} }])).toThrow('"limits[i].zone" must be a limit_conn zone')
    const fd = addon.createSharedMemory('req', SIZE)
    const other = addon.createLimitReqZone(fd, SIZE, 'req', '$uri')
    expect(() => compile([{ ...limit(zone), zone: other }])).toThrow('"limits[i].zone" must be a limit_conn zone')
    expect(() => addon.attachLimitConnZone(fd, SIZE, 'req')).toThrow(expect.objectContaining({ code: 'ERR_ZONE' }))
    closeSync(fd)
    for (const [property, wrong] of [
      ['connections', 0],
      ['connections', 1.5],
      ['connections', 65536],
      ['connections', '1'],
      ['dryRun', 1],
    ] as const) {
      expect(() => compile([{ ...limit(zone), [property]: wrong }]), `${property} ${wrong}`).toThrow(
        `"limits[i].${property}"`,
      )
    }
    expect(() => compile([limit(zone)], new Int32Array(0))).toThrow('"result" must be an Int32Array of at least 1')
    expect(() => compile([limit(zone)], new Float64Array(2))).toThrow('"result"')
  })
})

describe('releaseConnections', () => {
  it('refuses what is not held', () => {
    const acquire = addon.compileConnLimits([limit(newZone('a')), limit(newZone('b'))], new Int32Array(1))
    const handle = acquire('x', 'x')
    // A handle of two holds has two entries; the second one is not a handle.
    for (const wrong of [0, -1, 1.5, handle + 1, 2 ** 31, Number.NaN, '1', undefined]) {
      expect(() => addon.releaseConnections(wrong as number), String(wrong)).toThrow(TypeError)
    }
    addon.releaseConnections(handle)
    expect(() => addon.releaseConnections(handle)).toThrow('"handle" must be one that is held')
  })
})

/** A process that holds the one connection of `key` in the zone at descriptor 3. */
async function holder(fd: number, key: string, end: string): Promise<Child> {
  const started = child(
    `const zone = addon.attachLimitConnZone(3, ${SIZE}, 'one')
    const acquire = addon.compileConnLimits([{ zone, connections: 9, dryRun: false }], new Int32Array(1))
    say(acquire(${JSON.stringify(key)}) > 0)
    ${end}`,
    { fds: [fd] },
  )
  expect(await started.next()).toBe(true)
  return started
}

describe('connections of other processes', () => {
  it('count, and are returned by whoever knows of their death', async () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const zone = addon.createLimitConnZone(fd, SIZE, 'one', '$uri')
    const acquire = addon.compileConnLimits([limit(zone, { connections: 2 })], new Int32Array(1))
    const other = await holder(fd, 'key', 'setInterval(() => {}, 1000)')
    const mine = acquire('key')
    expect(mine).toBeGreaterThan(0)
    expect(acquire('key')).toBe(LIMIT_REJECTED)
    other.process.kill('SIGKILL')
    await other.exited()
    expect(addon.forceUnlockConnZone(zone, other.pid)).toBe(false)
    expect(addon.returnHolds(zone, other.pid)).toBe(1)
    expect(held(zone)).toBe(1)
    expect(acquire('key')).toBeGreaterThan(0)
    expect(addon.connZoneStats(zone).owners).toBe(1)
    closeSync(fd)
  })

  it('are returned by a refusal that nobody else prevented', async () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const zone = addon.createLimitConnZone(fd, SIZE, 'one', '$uri')
    const acquire = addon.compileConnLimits([limit(zone)], new Int32Array(1))
    const other = await holder(fd, 'key', 'setInterval(() => {}, 1000)')
    expect(acquire('key')).toBe(LIMIT_REJECTED)
    other.process.kill('SIGKILL')
    await other.exited()
    // Once a second at most the dead are looked for.
    await waitFor('the connection', () => (acquire('key') > 0 ? true : undefined))
    expect(addon.connZoneStats(zone).returned).toBe(1)
    closeSync(fd)
  })

  it('are returned by a process whose event loop runs empty', async () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const zone = addon.createLimitConnZone(fd, SIZE, 'one', '$uri')
    const other = await holder(fd, 'key', '')
    await other.exited()
    const { connections, owners, returned } = addon.connZoneStats(zone)
    expect([connections, owners, returned]).toEqual([0, 0, 0])
    closeSync(fd)
  })

  it('of a worker thread are returned at its end', async () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const zone = addon.createLimitConnZone(fd, SIZE, 'one', '$uri')
    const other = child(
      `const { Worker } = require('node:worker_threads')
      const zone = addon.attachLimitConnZone(3, ${SIZE}, 'one')
      const script = \`
        const addon = require(\${JSON.stringify(Object.keys(require.cache).find((file) => file.endsWith('.node')))})
        const zone = addon.attachLimitConnZone(3, ${SIZE}, 'one')
        addon.compileConnLimits([{ zone, connections: 9, dryRun: false }], new Int32Array(1))('key')
        require('node:worker_threads').parentPort.postMessage('held')
        setInterval(() => {}, 1000)\`
      const worker = new Worker(script, { eval: true })
      worker.once('message', () => {
        say(addon.connZoneStats(zone).connections)
        worker.terminate().then(() => say(addon.connZoneStats(zone).connections))
      })`,
      { fds: [fd] },
    )
    expect(await other.next()).toBe(1)
    expect(await other.next()).toBe(0)
    expect(held(zone)).toBe(0)
    closeSync(fd)
  })
})

describe('a limit_conn zone', () => {
  it('stays mapped while connections are held, and not longer', async () => {
    const collecting = child(
      `const mapped = () => require('node:fs').readFileSync('/proc/self/maps', 'latin1').includes('sluice-collected')
      const fd = addon.createSharedMemory('sluice-collected', ${SIZE})
      let zone = addon.createLimitConnZone(fd, ${SIZE}, 'one', 'key')
      let acquire = addon.compileConnLimits([{ zone, connections: 1, dryRun: false }], new Int32Array(1))
      zone = undefined
      addon.close(fd)
      const handle = acquire('x')
      acquire = undefined
      let turns = 0
      const keep = () => {
        gc()
        if (++turns < 10) return setTimeout(keep, 1)
        say(mapped())
        addon.releaseConnections(handle)
        drop()
      }
      const drop = () => { gc(); if (mapped()) setTimeout(drop, 5); else say('unmapped') }
      keep()`,
      { nodeOptions: ['--expose-gc'] },
    )
    expect(await collecting.next()).toBe(true)
    expect(await collecting.next()).toBe('unmapped')
  })

  it('is attached only as what it is', () => {
    const fd = addon.createSharedMemory('one', SIZE)
    const refused = expect.objectContaining({ code: 'ERR_ZONE' }) as Error
    expect(() => addon.attachLimitConnZone(fd, SIZE, 'one')).toThrow(refused)
    addon.createLimitConnZone(fd, SIZE, 'one', '$uri')
    addon.attachLimitConnZone(fd, SIZE, 'one')
    expect(() => addon.attachLimitConnZone(fd, SIZE, 'two')).toThrow(refused)
    expect(() => addon.attachLimitReqZone(fd, SIZE, 'one')).toThrow(refused)
    closeSync(fd)
  })

  it('says about how many keys it holds', () => {
    expect(addon.connZoneCapacity(10 * 1024 * 1024, 4)).toBeGreaterThan(150_000)
    expect(addon.connZoneCapacity(1, 4)).toBe(0)
  })
})
