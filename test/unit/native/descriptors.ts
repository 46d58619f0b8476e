// What the kernel says about a descriptor of this process, for tests.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000

export interface DescriptorFlags {
  readonly nonblocking: boolean
  readonly closeOnExec: boolean
}

export function flagsOf(fd: number): DescriptorFlags {
  const flags = Number.parseInt(
    /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '',
    8,
  )
  return { nonblocking: (flags & O_NONBLOCK) !== 0, closeOnExec: (flags & O_CLOEXEC) !== 0 }
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/**
 * Runs a line of Python with `s` as a socket object of the descriptor, and returns what it prints. Node offers neither
 * getsockopt nor SCM_RIGHTS; Python is there wherever node-gyp has built the addon.
 */
export function python(fd: number, code: string): string {
  const setUp = 'import struct, sys; from socket import *; s = socket(fileno=3)\n'
  const options = { stdio: ['ignore', 'pipe', 'inherit', fd] as ('ignore' | 'pipe' | 'inherit' | number)[] }
  return execFileSync('python3', ['-c', setUp + code], options)
    .toString('latin1')
    .trim()
}

/** An integer socket option, both named as in Python's socket module. */
export function getsockopt(fd: number, level: string, option: string): number {
  return Number(python(fd, `print(s.getsockopt(${level}, ${option}))`))
}
