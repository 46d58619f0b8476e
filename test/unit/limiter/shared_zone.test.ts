// What openZone does beside deciding: files, names, errors, the end of a zone.

import { chmodSync, closeSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openZone, type Zone, type ZoneOptions } from '../../../src/limiter/index.ts'
import { openMemoryZone } from '../../../src/limiter/memory_zone.ts'
import { addon, LIMIT_NO_MEMORY } from '../../../src/native/addon.ts'
import { waitFor } from '../../harness/wait_for.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-zone-'))
  return () => rmSync(dir, { recursive: true })
})

const open = (options: ZoneOptions = {}): Zone => openZone('test', { dir, ...options })

describe('a zone', () => {
  test('is one for all who open its name, whatever the order', () => {
    const [a, b] = [open(), open()]
    const first = a.limit({ name: 'api', rate: '1r/d', burst: 1 })
    const second = b.limit({ name: 'api', rate: '1r/d', burst: 1 })
    expect(first.check('k')).toEqual({ allowed: true, delayMs: 0, remaining: 1, retryAfterMs: 0, excess: 0 })
    expect(second.check('k')).toEqual({ allowed: true, delayMs: 0, remaining: 0, retryAfterMs: 0, excess: 1 })
    expect(first.check('k').allowed).toBe(false)
    expect(b.limit({ name: 'other', rate: '1r/d' }).check('k').allowed).toBe(true)
    expect(a.stats()).toMatchObject({ sizeBytes: 1024 * 1024, nodes: 2, passed: 3, rejected: 1 })
    a.close()
    expect(second.check('k').allowed).toBe(false)
  })

  test('is a file of mode 0600 with all its memory, until it is unlinked', () => {
    const zone = open({ size: '2m' })
    const { mode, size, blocks } = statSync(zone.path ?? '')
    expect([mode & 0o7777, size]).toEqual([0o600, 2 * 1024 * 1024])
    expect(blocks * 512).toBeGreaterThanOrEqual(size)
    const limit = zone.limit({ name: 'api', rate: '1r/d' })
    expect(limit.check('k').allowed).toBe(true)
    zone.unlink()
    const next = open()
    expect(next.limit({ name: 'api', rate: '1r/d' }).check('k').allowed).toBe(true)
    // The name is another zone's now.
    zone.unlink()
    expect(statSync(next.path ?? '').isFile()).toBe(true)
    expect(limit.check('k').allowed).toBe(false)
  })

  test('that is closed lets go of its file at once, for who wants to be alone with it', () => {
    const zone = open({ size: '64k' })
    const limit = zone.limit({ name: 'api', rate: '1r/d' })
    limit.check('k')
    const path = zone.path ?? ''
    const openFile = (): string => {
      const { fd, origin, zone: opened } = addon.openLimitReqZoneFile(path, 65536, 'test', '$limit_name\\0$key', true)
      closeSync(fd)
      addon.releaseZone(opened)
      return origin
    }
    expect(openFile()).toBe('shared')
    zone.close()
    expect(openFile()).toBe('recovered')
    expect(openFile()).toBe('recovered')
    expect(() => limit.check('k')).toThrow(/closed/)
  })

  test('that is released natively answers whoever still asks, and charges nobody', () => {
    const fd = addon.createSharedMemory('z', 65536)
    const released = addon.createLimitReqZone(fd, 65536, 'z', 'k')
    const limits = [{ zone: released, rate: 1000, burst: 0, delay: 0, dryRun: false }]
    const check = addon.compileLimits(limits, new Float64Array(2))
    expect(check('k')).toBe(0)
    addon.releaseZone(released)
    expect(check('k')).toBe(LIMIT_NO_MEMORY)
    expect(check('other')).toBe(LIMIT_NO_MEMORY)
    closeSync(fd)
  })

  test('takes the size that is there, and refuses another', () => {
    open({ size: '64k' })
    expect(open().stats().sizeBytes).toBe(65536)
    expect(() => open({ size: '1m' })).toThrow(/^zone "test": .* has the size 65536 and not 1048576$/)
  })

  test('refuses what is no zone that can be shared', () => {
    const path = join(dir, 'sluice-test.zone')
    const refused = (text: string) => expect(() => open()).toThrow(text)
    writeFileSync(path, Buffer.alloc(65536), { mode: 0o600 })
    refused('is not a limit_req zone')
    rmSync(path)
    symlinkSync('elsewhere', path)
    refused('is a symbolic link')
    rmSync(path)
    open().close()
    chmodSync(path, 0o644)
    refused('its mode must be 0600')
    expect(() => open({ dir: join(dir, 'missing') })).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(() => open({ size: 10 })).toThrow('zone "test"')
  })

  test('of the proxy is shared by its state and key', () => {
    const path = join(dir, 'one')
    const file = addon.openLimitReqZoneFile(path, 65536, 'one', '$binary_remote_addr', false)
    const check = addon.compileLimits(
      [{ zone: file.zone, rate: 1, burst: 0, delay: 0, dryRun: false }],
      new Float64Array(2),
    )
    expect(check('\x7f\0\0\x01')).toBe(0)
    const zone = openZone('one', { state: path, key: '$binary_remote_addr' })
    const limit = zone.limit({ name: 'any', rate: 0.001 })
    expect(limit.check(Buffer.from([127, 0, 0, 1])).allowed).toBe(false)
    expect(limit.check(Buffer.from([127, 0, 0, 2])).allowed).toBe(true)
    expect(check('\x7f\0\0\x02')).toBeLessThan(0)
    expect(() => zone.window({ name: 'w', windowMs: 1 })).toThrow('a zone of the proxy has buckets only')
    expect(() => openZone('one', { state: path, key: '$uri' })).toThrow('key while previously it used the')
    expect(() => openZone('one', { state: path })).toThrow(TypeError)
    addon.close(file.fd)
  })

  test('cannot be used after it was closed', () => {
    const zone = open()
    const limit = zone.limit({ name: 'api', rate: 1 })
    const window = zone.window({ name: 'w', windowMs: 1000 })
    zone.close()
    zone.close()
    expect(() => limit.check('k')).toThrow('closed')
    expect(() => window.hit('k')).toThrow('closed')
    expect(() => zone.stats()).toThrow('zone "test" is closed')
  })

  test('works from worker threads', async () => {
    const limit = open().limit({ name: 'api', rate: '1r/d', burst: 99 })
    const url = new URL('../../../src/limiter/index.ts', import.meta.url).href
      .replace('/src/', '/dist/')
      .replace('.ts', '.js')
    const script = `
      let warnings = 0
      process.on('warning', () => warnings++)
      import(${JSON.stringify(url)}).then(({ openZone }) => {
      const limit = openZone('test', { dir: ${JSON.stringify(dir)} }).limit({ name: 'api', rate: '1r/d', burst: 99 })
      let passed = 0
      for (let i = 0; i < 200; i++) if (limit.check('k').allowed) passed++
      setImmediate(() => require('node:worker_threads').parentPort.postMessage(passed + 1000 * warnings))
    })`
    const counts = [1, 2].map(
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(script, { eval: true })
          worker.once('message', resolve)
          worker.once('error', reject)
          onTestFinished(() => void worker.terminate())
        }),
    )
    const [a = 0, b = 0] = await Promise.all(counts)
    expect(a + b).toBe(100)
    expect(limit.check('k').allowed).toBe(false)
  })
})

describe('limits', () => {
  test('of one name are one algorithm, in all processes', () => {
    const zone = open()
    zone.limit({ name: 'api', rate: 1 })
    zone.limit({ name: 'api', rate: '5r/m' })
    expect(() => zone.window({ name: 'api', windowMs: 1000 })).toThrow('"api" is a limit in this zone, not a window')
    zone.window({ name: 'login', windowMs: 1000 })
    expect(() => open().limit({ name: 'login', rate: 1 })).toThrow('"login" is a window in this zone, not a limit')
  })

  test('that nobody holds any more are not kept by their zone', async () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    for (const zone of [open(), openMemoryZone('kept')]) {
      const held = zone.limit({ name: 'api', rate: 1 })
      const made = [() => zone.limit({ name: 'api', rate: 1 }), () => zone.window({ name: 'w', windowMs: 1000 })].map(
        (make) => new WeakRef<object>(make()),
      )
      await waitFor('the collection', () => {
        gc()
        return made.every((limit) => limit.deref() === undefined)
      })
      zone.close()
      expect(() => held.check('k')).toThrow('closed')
    }
  })

  test('are checked all or none', () => {
    const zone = open()
    const wide = zone.limit({ name: 'wide', rate: '1r/d', burst: 5 })
    const narrow = zone.limit({ name: 'narrow', rate: () => '1r/h' })
    expect(
      zone.checkAll([
        [wide, 'k'],
        [narrow, 'k'],
      ]).allowed,
    ).toBe(true)
    const { allowed, retryAfterMs } = zone.checkAll([
      [wide, 'k'],
      [narrow, 'k'],
    ])
    expect(allowed).toBe(false)
    expect(retryAfterMs).toBeGreaterThan(3_500_000)
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000)
    expect(wide.peek('k', { cost: 0 }).remaining).toBe(5)
    expect(() => zone.checkAll([])).toThrow('no limit to check')
    expect(() => zone.checkAll([[open().limit({ name: 'wide', rate: 1 }), 'k']])).toThrow('is not one of zone "test"')
  })

  test('have a rate for each key, by function or table', () => {
    const zone = open()
    const table = zone.limit({
      name: 'table',
      rate: new Map<string, string>([
        ['vip', '1000r/s'],
        ['default', '1r/d'],
      ]),
      burst: 1,
    })
    for (const key of ['vip', 'other']) for (let i = 0; i < 2; i++) table.check(key)
    expect(table.peek('vip').retryAfterMs).toBeLessThanOrEqual(1)
    expect(table.peek('other').retryAfterMs).toBeGreaterThan(80_000_000)
  })

  test('name the busiest keys, and forget one', () => {
    const limit = open().limit({ name: 'api', rate: '1r/d', burst: 1000 })
    for (let i = 1; i <= 50; i++) limit.check(`k${i}`, { cost: i })
    expect(limit.top(2)).toEqual([
      { key: Buffer.from('k50'), excess: 49 },
      { key: Buffer.from('k49'), excess: 48 },
    ])
    expect(limit.reset('k50')).toBe(true)
    expect(limit.reset('k50')).toBe(false)
    expect(limit.top(1)).toEqual([{ key: Buffer.from('k49'), excess: 48 }])
  })

  test('make the delayed wait', async () => {
    const limit = open().limit({ name: 'api', rate: '20r/s', burst: 5, delay: 0 })
    expect((await limit.wait('k')).delayMs).toBe(0)
    const start = performance.now()
    const { delayMs } = await limit.wait('k')
    expect(delayMs).toBeGreaterThan(0)
    expect(performance.now() - start).toBeGreaterThanOrEqual(delayMs - 2)
    const reason = new Error('gone')
    await expect(limit.wait('k', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('that wait report mistakes by their promise', async () => {
    for (const zone of [open(), openMemoryZone('waiting')]) {
      const limit = zone.limit({ name: 'api', rate: 1 })
      await expect(limit.wait(5 as unknown as string)).rejects.toThrow(TypeError)
      zone.close()
      await expect(limit.wait('k')).rejects.toThrow('closed')
    }
  })
})
