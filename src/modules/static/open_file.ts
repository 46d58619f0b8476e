// Opening files by latin1 names, synchronously: a file of a web site is in the page cache, and four short system calls cost
// less than one trip to the thread pool.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { asSystemError, systemErrorOf } from '../../config/errno_text.ts'
import type { SystemError } from '../../config/types.ts'

export interface OpenFile {
  readonly fd: number
  readonly kind: 'file' | 'directory' | 'other'
  readonly sizeBytes: number
  /** Seconds since the epoch. */
  readonly modifiedSec: number
}

/** Largest piece that is read at once, and the size of every buffer for files. */
export const READ_BYTES = 64 * 1024

// Not blocking: opening a pipe that nobody writes to would stop the worker.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** Opens a file or directory; the caller closes it. */
export function openFile(path: string): OpenFile | SystemError {
  let fd = -1
  try {
    fd = openSync(systemPath(path), FLAGS)
    const stat = fstatSync(fd)
    return {
      fd,
      kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other',
      sizeBytes: stat.size,
      modifiedSec: Math.floor(stat.mtimeMs / 1000),
    }
  } catch (error) {
    if (fd >= 0) closeSync(fd)
    // Node itself refuses a name with a NUL in it; to the system such a file is not there.
    return asSystemError(error) ?? systemErrorOf('ENOENT')
  }
}

export function closeFile(file: OpenFile): void {
  closeSync(file.fd)
}

/** A name as Node wants it: bytes, unless they are all ASCII. */
export function systemPath(path: string): string | Buffer {
  return /[\x80-\xff]/.test(path) ? Buffer.from(path, 'latin1') : path
}

const shared = Buffer.allocUnsafeSlow(READ_BYTES)

/**
 * Reads `count` bytes at `start`; undefined when they are more than fit at once. Fewer bytes than asked for mean that the
 * file was cut or cannot be read. Valid until the next call.
 */
export function readStart({ fd }: OpenFile, start: number, count: number): Buffer | undefined {
  if (count > READ_BYTES) return undefined
  try {
    return shared.subarray(0, count === 0 ? 0 : readSync(fd, shared, 0, count, start))
  } catch {
    return shared.subarray(0, 0)
  }
}
