// Listening sockets over the life of a configuration: taken over from the previous cycle where the address is the same,
// opened where it is new, closed after the change where nobody wants them any more. The master holds them; workers
// inherit them and accept.
// With `reuseport` an address has one socket per worker. Such a socket is never closed while its address is in use:
// closing one resets the connections that are queued on it. When there are fewer workers than sockets, a worker accepts
// on several.

import { unlinkSync } from 'node:fs'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import { ConfigError, formatMessage } from '../config/error.ts'
import type { ListenRequest } from '../config/types.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, EMERG, NOTICE, WARN } from '../log/levels.ts'
import { flushLogs } from '../log/log_file.ts'
import { addon } from '../native/addon.ts'
import { systemFailure } from './system_failure.ts'
import type { UndoList } from './undo_list.ts'

const BIND_ROUNDS = 5
const BIND_PAUSE_MS = 500

export interface ListeningSocket {
  readonly request: ListenRequest
  readonly fd: number
  /** Of the sockets of one address its number, or -1 when it is the only one and all workers share it. */
  readonly share: number
}

export interface OpenOptions {
  readonly log: ErrorLog
  readonly workers: number
  /** `-t`: an address in use is no error, nothing is left behind. */
  readonly testing: boolean
  readonly undo: UndoList
}

/** A socket that a cycle needs: `fd` as soon as it has one. */
interface Wanted {
  readonly request: ListenRequest
  readonly share: number
  fd: number
}

/**
 * The sockets for `requests`: those of `old` with the same address, and new ones. Nothing that `old` relies on is changed
 * (see applySocketOptions). Logs failed binds; throws ConfigError.
 */
export function openSockets(
  requests: readonly ListenRequest[],
  old: readonly ListeningSocket[],
  options: OpenOptions,
): ListeningSocket[] {
  const wanted = wantedSockets(requests, old, options)
  takeOver(wanted, old)
  for (let round = 1; ; round++) {
    const inUse = openMissing(wanted, options)
    if (!inUse) return wanted.filter(({ fd }) => fd >= 0)
    if (round === BIND_ROUNDS) throw new ConfigError('still could not bind()')
    options.log.write(NOTICE, `try again to bind() after ${BIND_PAUSE_MS}ms`)
    flushLogs()
    sleep(BIND_PAUSE_MS)
  }
}

/** Options that may be set on a listening socket at any time; failures are logged and ignored. To be called at commit. */
export function applySocketOptions(
  sockets: readonly ListeningSocket[],
  old: readonly ListeningSocket[],
  log: ErrorLog,
): void {
  for (const { request, fd } of sockets) {
    const before = old.find((socket) => socket.fd === fd)?.request
    try {
      setOptions(fd, request, before)
    } catch (error) {
      const { syscall = 'setsockopt' } = error as NodeJS.ErrnoException
      log.write(ALERT, `${syscall}() ${request.text} failed, ignored (${errnoText(systemErrorIn(error))})`)
    }
  }
}

/** Closes sockets of an old cycle that are not in `kept`, and removes the files of unix ones. */
export function closeSockets(
  sockets: readonly ListeningSocket[],
  kept: readonly ListeningSocket[],
  log: ErrorLog,
): void {
  for (const { request, fd } of sockets) {
    if (kept.some((socket) => socket.fd === fd)) continue
    addon.close(fd)
    if (request.family === 'unix') {
      log.write(WARN, `deleting socket ${request.address}`)
      removeSocketFile(request.address, log)
    }
  }
}

/** Does worker number `index` of `workers` accept on this socket? */
export function isForWorker({ share }: ListeningSocket, index: number, workers: number): boolean {
  return share < 0 || share % workers === index
}

function wantedSockets(
  requests: readonly ListenRequest[],
  old: readonly ListeningSocket[],
  { workers, testing }: OpenOptions,
): Wanted[] {
  return requests.flatMap((request) => {
    if (!request.reuseport || testing) return [{ request, share: -1, fd: -1 }]
    const open = old.filter((socket) => isSameAddress(socket.request, request)).length
    return Array.from({ length: Math.max(workers, open, 1) }, (_, share) => ({ request, share, fd: -1 }))
  })
}

function takeOver(wanted: readonly Wanted[], old: readonly ListeningSocket[]): void {
  const free = new Set(old)
  for (const socket of wanted) {
    for (const candidate of free) {
      if (!isSameAddress(candidate.request, socket.request)) continue
      free.delete(candidate)
      socket.fd = candidate.fd
      // The kernel lets further sockets join an address only if the first one has the option as well.
      if (socket.request.reuseport && !candidate.request.reuseport) addon.setSocketOption(candidate.fd, 'reuseport', 1)
      break
    }
  }
}

/** One round of opening what is missing; true when an address is in use and it is worth trying again. */
function openMissing(wanted: readonly Wanted[], { log, testing, undo }: OpenOptions): boolean {
  let inUse = false
  for (const socket of wanted) {
    if (socket.fd >= 0) continue
    const { request } = socket
    try {
      const fd = addon.openListeningSocket({ ...request, reuseport: request.reuseport && !testing })
      socket.fd = fd
      undo.add(() => {
        addon.close(fd)
        if (request.family === 'unix') unlinkSync(Buffer.from(request.address, 'latin1'))
      })
    } catch (error) {
      const cause = asSystemError(error)
      if (cause?.code !== 'EADDRINUSE') throw openFailure(request, error)
      if (testing) continue
      log.write(EMERG, formatMessage(`bind() to ${request.text} failed`, undefined, cause))
      inUse = true
    }
  }
  return inUse
}

function openFailure({ text, backlog }: ListenRequest, error: unknown): ConfigError {
  const { syscall = 'bind' } = error as NodeJS.ErrnoException
  if (syscall === 'bind') return systemFailure(`bind() to ${text} failed`, error)
  if (syscall === 'listen') return systemFailure(`listen() to ${text}, backlog ${backlog} failed`, error)
  return systemFailure(`${syscall.includes('(') ? syscall : `${syscall}()`} ${text} failed`, error)
}

function setOptions(fd: number, request: ListenRequest, before: ListenRequest | undefined): void {
  if (before !== undefined && before.backlog !== request.backlog) addon.setBacklog(fd, request.backlog)
  if (request.rcvbuf > 0) addon.setSocketOption(fd, 'rcvbuf', request.rcvbuf)
  if (request.sndbuf > 0) addon.setSocketOption(fd, 'sndbuf', request.sndbuf)
  if (request.fastopen >= 0) addon.setSocketOption(fd, 'fastopen', request.fastopen)
  if (request.deferred || before?.deferred) addon.setSocketOption(fd, 'defer_accept', request.deferred ? 1 : 0)
  setKeepalive(fd, request.keepalive)
}

function setKeepalive(fd: number, keepalive: ListenRequest['keepalive']): void {
  if (keepalive === undefined) return
  addon.setSocketOption(fd, 'keepalive', keepalive === false ? 0 : 1)
  if (typeof keepalive === 'boolean') return
  if (keepalive.idle > 0) addon.setSocketOption(fd, 'keepidle', keepalive.idle)
  if (keepalive.intvl > 0) addon.setSocketOption(fd, 'keepintvl', keepalive.intvl)
  if (keepalive.cnt > 0) addon.setSocketOption(fd, 'keepcnt', keepalive.cnt)
}

function isSameAddress(a: ListenRequest, b: ListenRequest): boolean {
  return a.family === b.family && a.address === b.address && a.port === b.port
}

function removeSocketFile(path: string, log: ErrorLog): void {
  try {
    unlinkSync(Buffer.from(path, 'latin1'))
  } catch (error) {
    log.write(EMERG, `unlink() ${path} failed (${errnoText(systemErrorIn(error))})`)
  }
}

function systemErrorIn(error: unknown): { errno: number; code: string } {
  const cause = asSystemError(error)
  if (cause === undefined) throw error
  return cause
}

/** Blocks the process: the master has nothing else to do before it has its sockets, and a reload waits for them too. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
