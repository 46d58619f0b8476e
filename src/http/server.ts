// The HTTP server of one worker: listening sockets with their acceptors, the connections, and how they end. Everything
// that can be decided from the configuration is decided in the constructor.

import type { ListenRequest } from '../config/types.ts'
import { eventMs } from '../log/clock.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, CRIT, ERROR, type LogLevel, WARN } from '../log/levels.ts'
import { type Acceptor, addon } from '../native/addon.ts'
import { giveSlotBack, limitConnections, takeSlot } from '../net/connection_slots.ts'
import { type HttpAddress, type HttpSocket, socketOf } from './addresses.ts'
import { buildHandlers } from './build.ts'
import type { HttpConfiguration } from './configuration.ts'
import { type DebugMatcher, debugMatcher } from './debug_connection.ts'
import { type ConnectionHost, Http1Connection } from './http1/connection.ts'
import type { HeadLimits } from './http1/request_head.ts'
import { ReusableConnections } from './reusable_connections.ts'
import { closeIdleUpstreams } from './shutdown_hooks.ts'

/** An open listening socket with what the configuration asked for. */
export interface ServerSocket {
  readonly request: ListenRequest
  readonly fd: number
  /** Nobody else accepts on it: whoever has more connections than others must take these nevertheless. */
  readonly isOwn?: boolean
}

export interface HttpServerOptions {
  readonly configuration: HttpConfiguration
  readonly sockets: readonly ServerSocket[]
  /** Connections of every worker, by slot (shared memory; < 0 = no such worker). */
  readonly counters: Int32Array
  /** This worker's entry in `counters`. */
  readonly slot: number
  /** For everything without a location: accept errors, connections before a request. */
  readonly log: ErrorLog
  /** worker_connections. */
  readonly connectionLimit: number
  /** accept_mutex_delay: nothing is accepted for so long when there is no descriptor for it. */
  readonly acceptPauseMs: number
  /** debug_connection. */
  readonly debugConnections: readonly string[]
}

/** Connections accepted per event-loop turn: enough for a storm, few enough to let siblings have their share. */
const MAX_ACCEPTS_PER_TURN = 16
/** Nobody waits longer for descriptors: twelve days. */
const MAX_PAUSE_MS = 2 ** 30
/** Connections of a worker that are neither to clients nor to upstreams, beside its listening sockets. */
const CHANNELS = 1

export class HttpServer implements ConnectionHost {
  quitting = false
  readonly #options: HttpServerOptions
  /** By descriptor. */
  readonly #acceptors = new Map<number, Acceptor>()
  readonly #connections = new Set<Http1Connection>()
  readonly #limits = new Map<HttpAddress, HeadLimits>()
  readonly #debugs: DebugMatcher | undefined
  readonly #reusable = new ReusableConnections(this.#connections)
  #warnedAtSecond = 0
  #connectionNumber = 0
  #onDrained: (() => void) | undefined = undefined

  /** Builds the handlers of every location; throws what a module's build throws (a worker's fatal error). */
  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#debugs = debugMatcher(options.debugConnections)
    buildHandlers(options.configuration, options.log)
    for (const address of options.configuration.addresses) this.#limits.set(address, limitsOf(address))
  }

  /** Connections now, whatever they do. */
  get connections(): number {
    return this.#connections.size
  }

  /** Begins to accept on every socket. */
  start(): void {
    const { connectionLimit, sockets } = this.#options
    limitConnections(connectionLimit, sockets.length + CHANNELS, () => this.#makeRoom())
    for (const socket of this.#options.sockets) this.listen(socket)
  }

  /** Begins to accept on one more socket. */
  listen({ request, fd, isOwn = false }: ServerSocket): void {
    const { configuration, counters, slot, acceptPauseMs } = this.#options
    const restMs = Math.min(acceptPauseMs, MAX_PAUSE_MS)
    const listener = socketOf(configuration.addresses, request)
    // What is accepted inherits it: a system call less for each connection.
    if (request.family !== 'unix') addon.setSocketOption(fd, 'nodelay', isUndelayed(listener) ? 1 : 0)
    const acceptor = addon.createAcceptor(
      fd,
      isOwn
        ? { maxPerTurn: MAX_ACCEPTS_PER_TURN, restMs, counters: counters.subarray(slot, slot + 1), slot: 0 }
        : { maxPerTurn: MAX_ACCEPTS_PER_TURN, restMs, counters, slot },
      (client, address, port, binary) => this.#onConnection(listener, client, address, port, binary),
      (code, errno) => this.#onAcceptError(code, errno),
    )
    this.#acceptors.set(fd, acceptor)
    acceptor.start()
  }

  /** Accepts no more on a socket, which may be closed then. */
  unlisten(fd: number): void {
    this.#acceptors.get(fd)?.close()
    this.#acceptors.delete(fd)
  }

  /** Graceful end: no new connections, idle ones close after their grace, active ones finish. `onDrained` when none is left. */
  quit(onDrained: () => void): void {
    this.quitting = true
    this.#onDrained = onDrained
    this.#stopAccepting()
    closeIdleUpstreams()
    for (const connection of this.#connections) connection.quit()
    this.#checkDrained()
  }

  /** Drops every connection. */
  terminate(): void {
    this.quitting = true
    this.#stopAccepting()
    for (const connection of [...this.#connections]) connection.terminate()
    closeIdleUpstreams()
  }

  nextConnectionNumber(): number {
    return ++this.#connectionNumber
  }

  isDebugged(remoteAddr: string): boolean {
    return this.#debugs?.(remoteAddr) ?? false
  }

  limits = (address: HttpAddress): HeadLimits => this.#limits.get(address) as HeadLimits

  connectionClosed(connection: Http1Connection): void {
    if (!this.#connections.delete(connection)) return
    giveSlotBack()
    const { counters, slot } = this.#options
    Atomics.sub(counters, slot, 1)
    if (this.#onDrained !== undefined) this.#checkDrained()
  }

  #checkDrained(): void {
    if (this.#connections.size > 0) return
    const onDrained = this.#onDrained
    this.#onDrained = undefined
    onDrained?.()
  }

  #stopAccepting(): void {
    for (const fd of [...this.#acceptors.keys()]) this.unlisten(fd)
  }

  #onConnection(listener: HttpSocket, fd: number, address: string, port: number, binary: string): void {
    const { connectionLimit, log } = this.#options
    if (!takeSlot()) {
      log.write(ALERT, `${connectionLimit} worker_connections are not enough`)
      this.#refuse(fd)
      return
    }
    try {
      this.#connections.add(new Http1Connection(this, listener, { fd, address, port, binary }))
    } catch (error) {
      giveSlotBack()
      log.write(ALERT, (error as Error).message)
      this.#refuse(fd)
    }
  }

  /** Few slots are left: who only waits gives way to who is coming. */
  #makeRoom(): void {
    const { connectionLimit, log } = this.#options
    this.#reusable.closeSome(() => {
      const second = Math.floor(eventMs() / 1000)
      if (second === this.#warnedAtSecond) return
      this.#warnedAtSecond = second
      log.write(WARN, `${connectionLimit} worker_connections are not enough, reusing connections`)
    })
  }

  /** A connection that was accepted and counted, and cannot be served. */
  #refuse(fd: number): void {
    const { counters, slot } = this.#options
    Atomics.sub(counters, slot, 1)
    addon.close(fd)
  }

  #onAcceptError(code: string, errno: number): void {
    const level: LogLevel = code === 'ECONNABORTED' ? ERROR : code === 'EMFILE' || code === 'ENFILE' ? CRIT : ALERT
    this.#options.log.write(level, `accept4() failed (${errno}: ${addon.strerror(errno)})`)
  }
}

/** tcp_nodelay of the default servers behind a socket. */
function isUndelayed({ address, specific }: HttpSocket): boolean {
  const addresses = [...(address === undefined ? [] : [address]), ...(specific?.values() ?? [])]
  return addresses.some(({ defaultServer }) => defaultServer.location.core.tcpNodelay)
}

function limitsOf(address: HttpAddress): HeadLimits {
  const { core } = address.defaultServer.location
  const { count, sizeBytes } = core.largeClientHeaderBuffers
  return {
    lineBytes: Math.max(sizeBytes, core.clientHeaderBufferSize),
    totalBytes: count * sizeBytes,
    maxHeaders: core.maxHeaders,
    ignoreInvalidHeaders: core.ignoreInvalidHeaders,
    underscoresInHeaders: core.underscoresInHeaders,
  }
}
