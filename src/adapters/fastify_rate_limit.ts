// `sluice/fastify-rate-limit`: a store class for @fastify/rate-limit whose counts all processes of the machine share. The
// plugin makes one instance for itself and a child for each route with a limit of its own.

import type { FastifyRateLimitOptions, FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { HitOptions, WindowLimit, Zone } from '../limiter/types.ts'
import { limitName, storeKey } from './names.ts'

export interface FastifyRateLimitStoreOptions {
  readonly zone: Zone
  /** Keeps the counts of several registrations in one zone apart. Default `fastify-rate-limit`. */
  readonly name?: string
}

/** What the plugin passes beyond the types that it declares. */
interface ChildOptions {
  readonly continueExceeding?: boolean
  readonly exponentialBackoff?: boolean
  readonly routeInfo?: { readonly method?: string | readonly string[]; readonly url?: string }
}

type Callback = (error: Error | null, result?: { current: number; ttl: number }) => void

const DEFAULT_WINDOW_MS = 60_000

/**
 * @example
 * await app.register(rateLimit, { max: 100, timeWindow: '1 minute', store: sluiceStore({ zone }) })
 */
export function sluiceStore({
  zone,
  name = 'fastify-rate-limit',
}: FastifyRateLimitStoreOptions): FastifyRateLimitStoreCtor {
  return class extends WindowStore {
    constructor(options: FastifyRateLimitOptions) {
      super(zone, name, options as ChildOptions)
    }
  }
}

class WindowStore implements FastifyRateLimitStore {
  readonly #zone: Zone
  readonly #name: string
  readonly #window: WindowLimit
  readonly #continueExceeding: boolean
  readonly #exponentialBackoff: boolean

  constructor(zone: Zone, name: string, options: ChildOptions) {
    this.#zone = zone
    this.#name = name
    this.#continueExceeding = options.continueExceeding === true
    this.#exponentialBackoff = options.exponentialBackoff === true
    this.#window = zone.window({ name, windowMs: DEFAULT_WINDOW_MS })
  }

  incr(key: unknown, callback: Callback, timeWindow = DEFAULT_WINDOW_MS, max = Number.POSITIVE_INFINITY): void {
    const { count, resetMs } = this.#window.hit(storeKey(key), this.#hitOptions(timeWindow, max))
    callback(null, { current: count, ttl: resetMs })
  }

  read(key: unknown, callback: Callback): void {
    const state = this.#window.get(storeKey(key))
    callback(null, { current: state?.count ?? 0, ttl: state?.resetMs ?? 0 })
  }

  child(options: unknown): FastifyRateLimitStore {
    const child = options as ChildOptions
    const { method = '', url = '' } = child.routeInfo ?? {}
    return new WindowStore(this.#zone, limitName(`${this.#name} ${String(method)} ${url}`), child)
  }

  /** A plugin's `timeWindow` may be a function, so every hit brings its own: of 0, or with a fraction, as it likes. */
  #hitOptions(timeWindow: number, max: number): HitOptions {
    const windowMs = Math.max(1, Math.ceil(timeWindow))
    const doubles = !this.#continueExceeding
    if ((doubles && !this.#exponentialBackoff) || !Number.isFinite(max)) return { windowMs }
    return { windowMs, restart: { above: Math.max(0, Math.floor(max)), doubles } }
  }
}
