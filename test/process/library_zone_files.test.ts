// What may go wrong with the file of a named zone: whoever opens it gets an error that says so, or a zone that works.
// Others that use it notice nothing.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openZone, type Zone, type ZoneOptions } from '../../src/limiter/index.ts'
import { addon } from '../../src/native/addon.ts'
import { within } from '../harness/wait_for.ts'

const ENTRY = join(import.meta.dirname, '../../dist/limiter/index.js')
const IS_ROOT = process.getuid?.() === 0
const MB = 1024 * 1024

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-files-'))
  path = join(dir, 'sluice-test.zone')
  return () => rmSync(dir, { recursive: true })
})

const open = (options: ZoneOptions = {}): Zone => openZone('test', { dir, ...options })

/** Another process with the same zone as `zone`, and its limit `limit` of a burst that it cannot exhaust. */
function other(script: string): ChildProcess {
  const child = spawn(
    process.execPath,
    [
      '--input-type=commonjs',
      '-e',
      `const zone = require(${JSON.stringify(ENTRY)}).openZone('test', { dir: ${JSON.stringify(dir)} })
      const limit = zone.limit({ name: 'api', rate: '1r/d', burst: 1e9 })
      ${script}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const exited = (child: ChildProcess) => within('its end', new Promise((resolve) => child.on('exit', resolve)), 20_000)
const spoken = (child: ChildProcess) =>
  within('its word', new Promise((resolve) => child.stdout?.once('data', resolve)), 20_000)

/** Makes the file with a process that has ended, so that nobody uses it. */
async function unusedFile(): Promise<void> {
  await exited(other(`limit.check('k')`))
}

describe('a file that differs is an error and stays as it is', () => {
  const refused = (text: string, options?: ZoneOptions) => {
    const before = lstatSync(path, { bigint: true })
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'ERR_ZONE', name: 'ZoneError' }))
    expect(() => open(options)).toThrow(text)
    expect(lstatSync(path, { bigint: true }).ino).toBe(before.ino)
    expect(readdirSync(dir)).toHaveLength(1)
  }

  test('in its size', async () => {
    await unusedFile()
    refused('has the size 1048576 and not 2097152', { size: '2m' })
  })

  test('in its layout, also when nobody uses it', async () => {
    await unusedFile()
    // The version follows the magic (native/core/zone_layout.h).
    const fd = openSync(path, 'r+')
    writeSync(fd, Buffer.from([99, 0, 0, 0]), 0, 4, 8)
    closeSync(fd)
    refused('was made by a version with another layout')
  })

  test('in what its keys are', () => {
    closeSync(addon.openLimitReqZoneFile(path, MB, 'test', '$binary_remote_addr', false).fd)
    refused('uses the "$limit_name\\0$key" key while previously it used the "$binary_remote_addr" key')
  })

  test('in its name', () => {
    closeSync(addon.openLimitReqZoneFile(path, MB, 'other', '$limit_name\\0$key', false).fd)
    refused('is a zone of another name')
  })

  test('or is none', () => {
    writeFileSync(path, 'precious', { mode: 0o600 })
    refused('is not a limit_req zone')
    expect(readFileSync(path, 'latin1')).toBe('precious')
  })

  test('or is a link, even to a zone', async () => {
    await unusedFile()
    const real = join(dir, 'real')
    mkdirSync(real)
    const elsewhere = openZone('test', { dir: real })
    onTestFinished(() => elsewhere.close())
    rmSync(path)
    symlinkSync(join(real, 'sluice-test.zone'), path)
    expect(() => open()).toThrow('is a symbolic link')
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
  })

  test.skipIf(!IS_ROOT)('or belongs to somebody else (needs root)', async () => {
    await unusedFile()
    chownSync(path, 65534, 65534)
    refused('belongs to another user')
  })
})

describe('the memory of a zone', () => {
  test.skipIf(!IS_ROOT || !canMount())(
    'is an error where there is no room (needs root, to mount a tmpfs)',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', dir])
      try {
        expect(() => open({ size: '4m' })).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
        expect(readdirSync(dir)).toEqual([])
        // What fits works, and nobody's later writes can take its memory away.
        const limit = open({ size: '1m' }).limit({ name: 'api', rate: '1r/d' })
        expect(() => writeFileSync(join(dir, 'filler'), Buffer.alloc(2 * MB))).toThrow('ENOSPC')
        for (let i = 0; i < 20_000; i++) limit.check(`key ${i}`)
        expect(() => openZone('second', { dir, size: '1m' })).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
        expect(limit.check('key 19999').allowed).toBe(false)
      } finally {
        execFileSync('umount', ['-l', dir])
      }
    },
  )

  test('outlives the processes, until it is unlinked', async () => {
    await unusedFile()
    const limit = open().limit({ name: 'api', rate: '1r/d' })
    expect(limit.check('k').allowed).toBe(false)
    open().unlink()
    expect(readdirSync(dir)).toEqual([])
    expect(open().limit({ name: 'api', rate: '1r/d' }).check('k').allowed).toBe(true)
  })
})

test('processes that are killed at any instant lose no count of others, and leave a zone that works', async () => {
  const limit = open().limit({ name: 'api', rate: '1r/d', burst: 1e9 })
  let ours = 0
  for (let kill = 0; kill < 12; kill++) {
    // Each hammers the same few keys, new ones and all that takes the lock.
    const child = other(`
      console.log('up')
      for (let i = 0; ; i++) {
        limit.check('hot')
        limit.check('new' + (i % 50000))
        if (i % 3 === 0) limit.reset('new' + (i % 100))
        if (i % 1000 === 0) limit.top(3)
      }`)
    await spoken(child)
    for (let i = 0; i < 300; i++) if (limit.check('ours').allowed) ours++
    // Some 20 to 50 ms of hammering.
    const until = performance.now() + 20 + kill * 3
    while (performance.now() < until) if (limit.check('ours').allowed) ours++
    child.kill('SIGKILL')
    await exited(child)
    expect(limit.check('hot').allowed).toBe(true)
  }
  // The first one was free.
  expect(limit.peek('ours', { cost: 0 }).excess).toBe(ours - 1)
  const { zone, fd } = addon.openLimitReqZoneFile(path, statSync(path).size, 'test', '$limit_name\\0$key', false)
  closeSync(fd)
  expect(addon.checkZone(zone)).toBeUndefined()
})

/** Root of a container may not be allowed to. */
function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'sluice-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', probe], { stdio: 'ignore' })
    execFileSync('umount', ['-l', probe])
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true })
  }
}
