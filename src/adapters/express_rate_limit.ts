// `sluice/express-rate-limit`: a store for express-rate-limit whose counts all processes of the machine share.

import type { ClientRateLimitInfo, Options, Store } from 'express-rate-limit'
import type { WindowLimit, WindowState, Zone } from '../limiter/types.ts'
import { storeKey } from './names.ts'

export interface ExpressRateLimitStoreOptions {
  readonly zone: Zone
  /** Keeps the counts of several `rateLimit()` in one zone apart. Default `express-rate-limit`. */
  readonly name?: string
}

/**
 * @example
 * app.use(rateLimit({ windowMs: 60_000, limit: 100, store: sluiceStore({ zone, name: 'api' }) }))
 */
export function sluiceStore(options: ExpressRateLimitStoreOptions): Store {
  return new ExpressRateLimitStore(options)
}

/** Its default; express-rate-limit calls `init` before all else. */
const DEFAULT_WINDOW_MS = 60_000

class ExpressRateLimitStore implements Store {
  /** Keys counted here are counted for all processes. */
  readonly localKeys = false
  /** Tells express-rate-limit which stores have the same counts. */
  readonly prefix: string
  readonly #zone: Zone
  readonly #name: string
  #window: WindowLimit

  constructor({ zone, name = 'express-rate-limit' }: ExpressRateLimitStoreOptions) {
    this.#zone = zone
    this.#name = name
    this.prefix = `${zone.name}/${name}/`
    this.#window = zone.window({ name, windowMs: DEFAULT_WINDOW_MS })
  }

  init({ windowMs }: Options): void {
    this.#window = this.#zone.window({ name: this.#name, windowMs: Math.ceil(windowMs) })
  }

  get(key: string): ClientRateLimitInfo | undefined {
    const state = this.#window.get(storeKey(key))
    return state && infoOf(state)
  }

  increment(key: string): ClientRateLimitInfo {
    return infoOf(this.#window.hit(storeKey(key)))
  }

  decrement(key: string): void {
    this.#window.decrement(storeKey(key))
  }

  resetKey(key: string): void {
    this.#window.reset(storeKey(key))
  }

  /** For all processes. */
  resetAll(): void {
    this.#window.resetAll()
  }
}

function infoOf({ count, resetMs }: WindowState): ClientRateLimitInfo {
  return { totalHits: count, resetTime: new Date(Date.now() + resetMs) }
}
