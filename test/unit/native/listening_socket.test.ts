import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon, type ListenOptions } from '../../../src/native/addon.ts'
import { flagsOf, getsockopt, openDescriptors, python } from './descriptors.ts'

const INET: ListenOptions = {
  family: 'inet',
  address: '127.0.0.1',
  port: 0,
  backlog: 511,
  reuseport: false,
  ipv6only: false,
}
const INET6: ListenOptions = { ...INET, family: 'inet6', address: '::1', ipv6only: true }

/** Opens a socket that is closed at the end of the test. */
function open(options: ListenOptions): number {
  const fd = addon.openListeningSocket(options)
  onTestFinished(() => closeSync(fd))
  return fd
}

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  return dir
}

/** The backlog of a listening socket: TCP_INFO says it where it counts selective acknowledgements of a connection. */
function backlogOf(fd: number): number {
  return Number(python(fd, 'print(struct.unpack_from("I", s.getsockopt(IPPROTO_TCP, TCP_INFO, 104), 28)[0])'))
}

describe('openListeningSocket', () => {
  it.each([INET, INET6])('opens $family sockets that listen, do not block and are closed on exec', (options) => {
    const fd = open(options)
    const name = addon.socketName(fd)
    expect(name).toEqual({ family: options.family, address: options.address, port: expect.any(Number) as number })
    expect(name.port).toBeGreaterThan(0)
    expect(flagsOf(fd)).toEqual({ nonblocking: true, closeOnExec: true })
    const asked = 'print(*[s.getsockopt(SOL_SOCKET, name) for name in (SO_ACCEPTCONN, SO_REUSEADDR, SO_REUSEPORT)])'
    expect(python(fd, asked)).toBe('1 1 0')
    expect(backlogOf(fd)).toBe(511)
  })

  it('opens unix sockets that everybody may connect to, whatever the umask', () => {
    const path = join(temporaryDirectory(), 's')
    const umask = process.umask(0o077)
    const fd = open({ ...INET, family: 'unix', address: path })
    process.umask(umask)
    expect(addon.socketName(fd)).toEqual({ family: 'unix', address: path, port: 0 })
    expect(statSync(path).isSocket()).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o666)
    expect(getsockopt(fd, 'SOL_SOCKET', 'SO_ACCEPTCONN')).toBe(1)
  })

  it('sets ipv6only one way or the other', () => {
    expect(getsockopt(open(INET6), 'IPPROTO_IPV6', 'IPV6_V6ONLY')).toBe(1)
    // Only a socket for both protocols can be bound to an IPv4 address.
    const mapped = { ...INET6, address: '::ffff:127.0.0.1' }
    expect(() => addon.openListeningSocket(mapped)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'bind' }),
    )
    const both = open({ ...mapped, ipv6only: false })
    expect(getsockopt(both, 'IPPROTO_IPV6', 'IPV6_V6ONLY')).toBe(0)
    expect(addon.socketName(both).address).toBe('::ffff:127.0.0.1')
  })

  it('shares a port with reuseport', () => {
    const first = open({ ...INET, reuseport: true })
    const second = open({ ...INET, reuseport: true, port: addon.socketName(first).port })
    expect(addon.socketName(second)).toEqual(addon.socketName(first))
    expect(getsockopt(first, 'SOL_SOCKET', 'SO_REUSEPORT')).toBe(1)
  })

  it('names bind, code and errno of an address in use, and keeps no descriptor', () => {
    const { port } = addon.socketName(open(INET))
    const before = openDescriptors()
    expect(() => addon.openListeningSocket({ ...INET, port })).toThrow(
      expect.objectContaining({
        code: 'EADDRINUSE',
        errno: 98,
        syscall: 'bind',
        message: 'bind() failed (98: Address already in use)',
      }),
    )
    expect(openDescriptors()).toBe(before)
  })

  it('leaves an existing file where it is', () => {
    const path = join(temporaryDirectory(), 's')
    writeFileSync(path, '')
    expect(() => addon.openListeningSocket({ ...INET, family: 'unix', address: path })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' }),
    )
    expect(statSync(path).isFile()).toBe(true)
  })

  it('takes the longest path that fits and refuses the next one', () => {
    const dir = temporaryDirectory()
    const longest = join(dir, 'x'.repeat(107 - dir.length - 1))
    expect(addon.socketName(open({ ...INET, family: 'unix', address: longest })).address).toBe(longest)
    expect(() => addon.openListeningSocket({ ...INET, family: 'unix', address: `${longest}x` })).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG', syscall: 'bind' }),
    )
    expect(existsSync(`${longest}x`)).toBe(false)
  })

  it.each([
    { family: 'inet', address: 'localhost' },
    { family: 'inet', address: '::1' },
    { family: 'inet6', address: '127.0.0.1' },
    { family: 'inet6', address: '[::1]' },
    { family: 'unix', address: '' },
  ] as const)('refuses "$address" as an address of $family', ({ family, address }) => {
    expect(() => addon.openListeningSocket({ ...INET, family, address })).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    )
  })
})

describe('options of listening sockets', () => {
  it.each([
    { option: 'keepalive', level: 'SOL_SOCKET', name: 'SO_KEEPALIVE', value: 1, read: 1 },
    { option: 'keepidle', level: 'IPPROTO_TCP', name: 'TCP_KEEPIDLE', value: 77, read: 77 },
    { option: 'keepintvl', level: 'IPPROTO_TCP', name: 'TCP_KEEPINTVL', value: 11, read: 11 },
    { option: 'keepcnt', level: 'IPPROTO_TCP', name: 'TCP_KEEPCNT', value: 5, read: 5 },
    { option: 'reuseport', level: 'SOL_SOCKET', name: 'SO_REUSEPORT', value: 1, read: 1 },
    { option: 'defer_accept', level: 'IPPROTO_TCP', name: 'TCP_DEFER_ACCEPT', value: 1, read: 1 },
    { option: 'fastopen', level: 'IPPROTO_TCP', name: 'TCP_FASTOPEN', value: 5, read: 5 },
    // The kernel doubles buffer sizes for its own needs.
    { option: 'rcvbuf', level: 'SOL_SOCKET', name: 'SO_RCVBUF', value: 20000, read: 40000 },
    { option: 'sndbuf', level: 'SOL_SOCKET', name: 'SO_SNDBUF', value: 20000, read: 40000 },
  ])('sets $option', ({ option, level, name, value, read }) => {
    const fd = open(INET)
    addon.setSocketOption(fd, option, value)
    expect(getsockopt(fd, level, name)).toBe(read)
  })

  it('reports an option that the kernel refuses, and one that does not exist', () => {
    const fd = open(INET)
    expect(() => addon.setSocketOption(fd, 'keepidle', -1)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }),
    )
    expect(() => addon.setSocketOption(fd, 'cork', 1)).toThrow(TypeError)
  })

  it('changes the backlog of a socket that listens already', () => {
    const fd = open(INET)
    addon.setBacklog(fd, 7)
    expect(backlogOf(fd)).toBe(7)
  })

  it('asks only sockets for their name', () => {
    const file = openSync('/dev/null', 'r')
    onTestFinished(() => closeSync(file))
    expect(() => addon.socketName(file)).toThrow(expect.objectContaining({ code: 'ENOTSOCK', syscall: 'getsockname' }))
  })
})
