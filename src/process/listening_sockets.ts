// Listening sockets over the life of a configuration: taken over from the previous cycle where the address is the same,
// opened where it is new, closed after the change where nobody wants them any more. The master holds them; workers
// inherit them and accept.
//
// With `reuseport` an address has one socket per worker. Such a socket is never closed while its address is in use: closing
// one resets the connections that are queued on it. Which of them get new connections is steered instead, in the order in
// which they were opened:
//   - sockets that a reload opens get none before it is in force: if it fails, nobody is queued on what is closed again;
//   - when there are fewer workers than sockets, or `reuseport` is gone, those that are left over get no more, and some
//     worker accepts what is still queued on them.

import { unlinkSync } from 'node:fs'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import { ConfigError, formatMessage } from '../config/error.ts'
import type { ListenRequest } from '../config/types.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, EMERG, NOTICE, WARN } from '../log/levels.ts'
import { flushLogs } from '../log/log_file.ts'
import { addon } from '../native/addon.ts'
import { isParentAlive } from './parent.ts'
import { systemFailure } from './system_failure.ts'
import type { UndoList } from './undo_list.ts'

const BIND_ROUNDS = 5
const BIND_PAUSE_MS = 500

export interface ListeningSocket {
  readonly request: ListenRequest
  readonly fd: number
  /** Of the sockets of one address its number, or -1 when it is the only one and all workers share it. */
  readonly share: number
  /** Among how many sockets of its address, counted from the first one, new connections are spread. */
  readonly spread: number
  /** It came from the master that this one upgrades. */
  readonly inherited: boolean
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
  readonly spread: number
  fd: number
  inherited: boolean
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
  // Before the first new one listens, and again when it does: only then has a socket that was alone somebody to share with.
  holdBack(wanted, old)
  for (let round = 1; ; round++) {
    const inUse = openMissing(wanted, old, options)
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
  for (const socket of sockets) {
    const { request, fd } = socket
    const before = old.find((candidate) => candidate.fd === fd)?.request
    try {
      setOptions(fd, request, before)
      if (isFirstOfSeveral(socket, sockets)) addon.steerConnections(fd, socket.spread)
    } catch (error) {
      const { syscall = 'setsockopt' } = error as NodeJS.ErrnoException
      const call = syscall.includes('(') ? syscall : `${syscall}()`
      log.write(ALERT, `${call} ${request.text} failed, ignored (${errnoText(systemErrorIn(error))})`)
    }
  }
}

/**
 * Closes sockets of an old cycle that are not in `kept`, and removes the files of unix ones: unless `keepFiles`, since a
 * new binary listens on them, and unless they are those of an old master that runs.
 */
export function closeSockets(
  sockets: readonly ListeningSocket[],
  kept: readonly ListeningSocket[],
  log: ErrorLog,
  keepFiles = false,
): void {
  for (const { request, fd, inherited } of sockets) {
    if (kept.some((socket) => socket.fd === fd)) continue
    addon.close(fd)
    if (request.family === 'unix' && !keepFiles && !(inherited && isParentAlive())) {
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
    const open = old.filter((socket) => isSameAddress(socket.request, request)).length
    const spread = request.reuseport && !testing ? Math.max(workers, 1) : 1
    return Array.from({ length: testing ? 1 : Math.max(spread, open) }, (_, number) => {
      // The first socket without `reuseport` is everybody's, whether others are left over or not.
      const share = number === 0 && (!request.reuseport || testing) ? -1 : number
      return { request, share, spread, fd: -1, inherited: false }
    })
  })
}

function isFirstOfSeveral({ request, share }: ListeningSocket, sockets: readonly ListeningSocket[]): boolean {
  return share <= 0 && sockets.some((other) => other.share > 0 && isSameAddress(other.request, request))
}

/** As long as the reload is not in force, its new sockets get no connections. */
function holdBack(wanted: readonly Wanted[], old: readonly ListeningSocket[]): void {
  for (const socket of wanted) {
    const before = old.find(({ fd }) => fd === socket.fd)
    if (before === undefined || !isFirstOfSeveral(socket, wanted)) continue
    try {
      addon.steerConnections(socket.fd, before.spread)
    } catch {
      // It shares with nobody yet, or the system cannot steer: then it deals them out to all, and all are accepted on.
    }
  }
}

function takeOver(wanted: readonly Wanted[], old: readonly ListeningSocket[]): void {
  const free = new Set(old)
  for (const socket of wanted) {
    for (const candidate of free) {
      if (!isSameAddress(candidate.request, socket.request)) continue
      free.delete(candidate)
      socket.fd = candidate.fd
      socket.inherited = candidate.inherited
      // The kernel lets further sockets join an address only if the first one has the option as well.
      if (socket.request.reuseport && !candidate.request.reuseport) addon.setSocketOption(candidate.fd, 'reuseport', 1)
      break
    }
  }
}

/** One round of opening what is missing; true when an address is in use and it is worth trying again. */
function openMissing(
  wanted: readonly Wanted[],
  old: readonly ListeningSocket[],
  { log, testing, undo }: OpenOptions,
): boolean {
  let inUse = false
  for (const socket of wanted) {
    if (socket.fd >= 0) continue
    const { request } = socket
    try {
      const fd = addon.openListeningSocket({ ...request, reuseport: request.reuseport && !testing })
      socket.fd = fd
      if (socket.share === 1) holdBack(wanted, old)
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
