import { closeSync, openSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { child } from './child.ts'
import { flagsOf } from './descriptors.ts'

describe('descriptors', () => {
  it('are closed on exec, or not, as asked', () => {
    const fd = openSync('/dev/null', 'r')
    addon.setCloexec(fd, false)
    expect(flagsOf(fd).closeOnExec).toBe(false)
    addon.setCloexec(fd, true)
    expect(flagsOf(fd).closeOnExec).toBe(true)
    closeSync(fd)
  })

  it('that a process inherited reach none of its children after setCloexecFrom', async () => {
    const fd = openSync('/dev/null', 'r')
    const inheriting = child(
      `const { execFileSync } = require('node:child_process')
      const inherited = () => execFileSync('sh', ['-c', 'ls -l /proc/$$/fd']).toString().split('\\n').filter((line) => line.includes('/dev/null')).length
      // Node has set it on the first sixteen at its start.
      addon.setCloexec(3, false)
      addon.setCloexec(4, false)
      const before = inherited()
      addon.setCloexecFrom(3)
      say(before - inherited())
      addon.setCloexec(4, false)
      say(before - inherited())`,
      { fds: [fd, fd] },
    )
    closeSync(fd)
    expect(await inheriting.next()).toBe(2)
    expect(await inheriting.next()).toBe(1)
  })

  it('are copied close-on-exec and closed', () => {
    const fd = openSync('/dev/null', 'r')
    const copy = addon.dup(fd)
    expect(copy).not.toBe(fd)
    expect(flagsOf(copy).closeOnExec).toBe(true)
    expect(readlinkSync(`/proc/self/fd/${copy}`)).toBe('/dev/null')
    addon.close(copy)
    expect(() => addon.close(copy)).toThrow(expect.objectContaining({ code: 'EBADF', errno: 9, syscall: 'close' }))
    expect(() => addon.dup(copy)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(() => addon.setCloexec(copy, true)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    closeSync(fd)
  })
})

describe('the process', () => {
  it('ignores a signal', async () => {
    const ignoring = child(
      `addon.ignoreSignal(15); say('ready'); process.stdin.on('data', () => { say('alive'); process.exit() })`,
    )
    await ignoring.next()
    ignoring.process.kill('SIGTERM')
    ignoring.process.stdin?.write('x')
    expect(await ignoring.next()).toBe('alive')
  })

  it('reports a signal that cannot be ignored', () => {
    expect(() => addon.ignoreSignal(constants.signals.SIGKILL)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'sigaction' }),
    )
  })

  it('becomes the leader of a session, once', async () => {
    const leader = child(`
      addon.setsid()
      say(Number(require('node:fs').readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[3]))
      try { addon.setsid() } catch (error) { say([error.code, error.syscall]) }`)
    expect(await leader.next()).toBe(leader.pid)
    expect(await leader.next()).toEqual(['EPERM', 'setsid'])
  })
})

describe('resolveHost', () => {
  it('returns numeric addresses as they are', () => {
    expect(addon.resolveHost('192.0.2.7')).toEqual(['192.0.2.7'])
    expect(addon.resolveHost('::1')).toEqual(['::1'])
  })

  it('finds localhost, each address once', () => {
    const addresses = addon.resolveHost('localhost') ?? []
    expect(addresses.length).toBeGreaterThan(0)
    expect(new Set(addresses).size).toBe(addresses.length)
    expect(['127.0.0.1', '::1']).toContain(addresses[0])
  })

  it('returns undefined for a name that does not exist', () => {
    expect(addon.resolveHost('no such host')).toBeUndefined()
    expect(addon.resolveHost('')).toBeUndefined()
  })
})

describe('strerror', () => {
  it('speaks as C does, for errno values of either sign', () => {
    expect(addon.strerror(98)).toBe('Address already in use')
    expect(addon.strerror(-98)).toBe('Address already in use')
    expect(addon.strerror(24)).toBe('Too many open files')
    expect(addon.strerror(2)).toBe('No such file or directory')
    expect(addon.strerror(100000)).toBe('Unknown error 100000')
  })

  it('has a text for every errno that Node knows', () => {
    for (const code of getSystemErrorMap().keys()) {
      if (code > -1000) expect(addon.strerror(code)).not.toMatch(/^Unknown/)
    }
  })
})

describe('monotonicMs', () => {
  it('is the clock of the whole machine in whole milliseconds', () => {
    const now = addon.monotonicMs()
    expect(Number.isInteger(now)).toBe(true)
    // hrtime reads the same clock.
    expect(Math.abs(now - Number(process.hrtime.bigint() / 1_000_000n))).toBeLessThan(1000)
    expect(addon.monotonicMs()).toBeGreaterThanOrEqual(now)
  })
})
