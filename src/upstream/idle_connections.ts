// Upstream connections between two requests: per upstream block, the most recently used first. An idle connection is
// watched by its owner class; any byte or end of file on it closes it and takes it out of here.

import type { TransportOptions } from './transport.ts'

/** What the cache needs of a connection. */
export interface IdleConnection {
  /** Text of the peer's address. */
  readonly addressText: string
  readonly options: TransportOptions
  /** Local address it was bound to, '' = none. */
  readonly local: string
  /** Closes it; it is no longer in the cache. */
  closeIdle(): void
}

export interface KeepaliveLimits {
  /** Connections kept per worker; 0 = none. */
  readonly size: number
  /** Requests on one connection. */
  readonly requests: number
  /** Age in ms after which a connection is not kept again. */
  readonly timeMs: number
  /** How long it may be idle, ms. */
  readonly timeoutMs: number
}

/** Every cache of the configurations in force, for the end of their life. */
const caches = new Set<IdleConnections>()

export class IdleConnections {
  readonly limits: KeepaliveLimits
  /** Oldest first: the end is used. */
  readonly #idle: IdleConnection[] = []
  #drained = false

  constructor(limits: KeepaliveLimits) {
    this.limits = limits
    caches.add(this)
  }

  get size(): number {
    return this.#idle.length
  }

  /** The most recently used connection to that address, made for the same location. Removed from the cache. */
  take(addressText: string, options: TransportOptions, local: string): IdleConnection | undefined {
    const idle = this.#idle
    for (let i = idle.length - 1; i >= 0; i--) {
      const connection = idle[i] as IdleConnection
      if (connection.addressText === addressText && connection.options === options && connection.local === local) {
        if (i === idle.length - 1) idle.pop()
        else idle.splice(i, 1)
        return connection
      }
    }
    return undefined
  }

  /** Keeps a connection, if any are kept still; the oldest one gives way. False: close it. */
  put(connection: IdleConnection): boolean {
    if (this.#drained) return false
    this.#idle.push(connection)
    if (this.#idle.length > this.limits.size) this.#idle.shift()?.closeIdle()
    return true
  }

  /** The connection went away by itself. */
  remove(connection: IdleConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  /** Closes what is idle and keeps nothing from now on. */
  drain(): void {
    this.#drained = true
    for (const connection of this.#idle.splice(0)) connection.closeIdle()
  }
}

/** A server is about to end, with its worker or, without a master, with its configuration: drains the caches that there are. */
export function drainIdleConnections(): void {
  for (const cache of caches) cache.drain()
  caches.clear()
}
