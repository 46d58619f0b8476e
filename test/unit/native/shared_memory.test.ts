import { closeSync, fstatSync, ftruncateSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { child } from './child.ts'
import { flagsOf } from './descriptors.ts'

const PAGE = 4096

describe('shared memory', () => {
  it('has its name, its size, all its pages, and is closed on exec', () => {
    const fd = addon.createSharedMemory('sluice-test', 10 * PAGE)
    const { size, blocks } = fstatSync(fd)
    expect(size).toBe(10 * PAGE)
    expect(blocks * 512).toBe(10 * PAGE)
    expect(flagsOf(fd).closeOnExec).toBe(true)
    expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe('/memfd:sluice-test (deleted)')
    closeSync(fd)
  })

  it('cannot be made smaller or larger by anybody who has the descriptor', () => {
    const fd = addon.createSharedMemory('sluice-test', PAGE)
    expect(() => ftruncateSync(fd, 0)).toThrow('EPERM')
    expect(() => ftruncateSync(fd, 2 * PAGE)).toThrow('EPERM')
    closeSync(fd)
  })

  it('refuses more than the machine has instead of waking the out-of-memory killer', () => {
    expect(() => addon.createSharedMemory('sluice-test', 2 ** 52)).toThrow(
      expect.objectContaining({ code: 'ENOMEM', syscall: 'posix_fallocate' }),
    )
  })

  it('refuses a name that the system does not take', () => {
    expect(() => addon.createSharedMemory('x'.repeat(300), PAGE)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'memfd_create' }),
    )
  })

  it('is the same memory in another process', async () => {
    const fd = addon.createSharedMemory('sluice-test', PAGE)
    const view = new Int32Array(addon.mapShared(fd, PAGE))
    const other = child(
      `const view = new Int32Array(addon.mapShared(3, ${PAGE}))
      say(view[0])
      Atomics.store(view, 1, process.pid)
      say('written')`,
      { fds: [fd] },
    )
    view[0] = 4711
    expect(await other.next()).toBe(4711)
    await other.next()
    expect(view[1]).toBe(other.pid)
    closeSync(fd)
  })

  it('outlives its descriptor and the other mappings', () => {
    const fd = addon.createSharedMemory('sluice-test', PAGE)
    const first = new Uint8Array(addon.mapShared(fd, PAGE))
    const second = new Uint8Array(addon.mapShared(fd, PAGE))
    closeSync(fd)
    first[PAGE - 1] = 77
    expect(second[PAGE - 1]).toBe(77)
  })

  it('is not mapped beyond its end', () => {
    const fd = addon.createSharedMemory('sluice-test', PAGE)
    expect(() => addon.mapShared(fd, PAGE + 1)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'mmap' }))
    closeSync(fd)
  })

  it('reports a descriptor that is not open', () => {
    expect(() => addon.mapShared(2 ** 30, PAGE)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })

  it('is unmapped when its buffer is collected', async () => {
    const collecting = child(
      `const mapped = () => require('node:fs').readFileSync('/proc/self/maps', 'latin1').includes('sluice-collected')
      const fd = addon.createSharedMemory('sluice-collected', ${PAGE})
      let buffer = addon.mapShared(fd, ${PAGE})
      addon.close(fd)
      say(mapped())
      buffer = undefined
      const retry = () => { gc(); if (mapped()) setTimeout(retry, 5); else say('unmapped') }
      setImmediate(retry)`,
      { nodeOptions: ['--expose-gc'] },
    )
    expect(await collecting.next()).toBe(true)
    expect(await collecting.next()).toBe('unmapped')
    expect(readFileSync('/proc/self/maps', 'latin1')).not.toContain('sluice-collected')
  })
})
