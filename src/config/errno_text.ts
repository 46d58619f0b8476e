// C's texts for system errors. Node's own table has libuv's wording ("no such file or directory"), logs and error
// messages must carry the C library's ("No such file or directory"). Only codes that opening files, reading them,
// resolving names and binding sockets can bring are listed; others fall back to libuv's text.

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { SystemError } from './types.ts'

const TEXTS: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EINTR: 'Interrupted system call',
  EIO: 'Input/output error',
  ENXIO: 'No such device or address',
  EBADF: 'Bad file descriptor',
  ECHILD: 'No child processes',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EINVAL: 'Invalid argument',
  ENFILE: 'Too many open files in system',
  EMFILE: 'Too many open files',
  ETXTBSY: 'Text file busy',
  EFBIG: 'File too large',
  ENOSPC: 'No space left on device',
  ESPIPE: 'Illegal seek',
  EROFS: 'Read-only file system',
  EPIPE: 'Broken pipe',
  ENAMETOOLONG: 'File name too long',
  ENOSYS: 'Function not implemented',
  ELOOP: 'Too many levels of symbolic links',
  EOVERFLOW: 'Value too large for defined data type',
  ENOTSOCK: 'Socket operation on non-socket',
  EPROTO: 'Protocol error',
  EPROTONOSUPPORT: 'Protocol not supported',
  EOPNOTSUPP: 'Operation not supported',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ECONNABORTED: 'Software caused connection abort',
  ECONNRESET: 'Connection reset by peer',
  ENOBUFS: 'No buffer space available',
  ENOTCONN: 'Transport endpoint is not connected',
  ETIMEDOUT: 'Connection timed out',
  ECONNREFUSED: 'Connection refused',
  EHOSTDOWN: 'Host is down',
  EHOSTUNREACH: 'No route to host',
  EALREADY: 'Operation already in progress',
  EINPROGRESS: 'Operation now in progress',
  ESTALE: 'Stale file handle',
  EDQUOT: 'Disk quota exceeded',
}

/**
 * `2: No such file or directory`, the part of a message that stands in parentheses. Negative (libuv's) numbers are
 * fine.
 */
export function errnoText(error: SystemError): string {
  const number = Math.abs(error.errno)
  const text = TEXTS[error.code] ?? getSystemErrorMap().get(-number)?.[1] ?? `Unknown error ${number}`
  return `${number}: ${text}`
}

/** `errnoText` of what Node threw, or its own words where that is no system error. */
export function reasonText(error: Error): string {
  const cause = asSystemError(error)
  return cause === undefined ? error.message : errnoText(cause)
}

/** The system error of that name, for code that finds out by itself what the system would have said. */
export function systemErrorOf(code: keyof typeof constants.errno): SystemError {
  return { code, errno: constants.errno[code] }
}

/** Narrows what a Node file or network call threw; undefined when it is no system error. */
export function asSystemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, errno } = error as NodeJS.ErrnoException
  return typeof code === 'string' && typeof errno === 'number' ? { code, errno } : undefined
}
