// A counter for each key that begins anew when its window ends, in shared memory.

import type { Window } from '../native/addon.ts'
import { checkWindow, costOf, hitTermsOf } from './options.ts'
import { claimName, type SharedKeys } from './shared_keys.ts'
import type { CheckOptions, HitOptions, Key, WindowLimit, WindowOptions, WindowState } from './types.ts'
import { closed } from './zone_error.ts'

const CLOSED: Window = { hit: closed, decrement: closed, get: closed, forget: closed, forgetAll: closed }

export class SharedWindow implements WindowLimit {
  readonly name: string
  readonly windowMs: number
  /** Filled by each call: ms until the window ends. */
  readonly #result = new Float64Array(1)
  #window: Window

  constructor(keys: SharedKeys, options: WindowOptions) {
    checkWindow(options)
    this.name = options.name
    this.windowMs = options.windowMs
    const spec = { prefix: claimName(keys, 'window', this.name), windowMs: this.windowMs }
    this.#window = keys.addon.compileWindow(keys.zone, spec, this.#result, keys.clock)
  }

  hit(key: Key, options?: HitOptions): WindowState {
    const count = options === undefined ? this.#window.hit(key) : this.#hitBy(key, options)
    return { count, resetMs: this.#result[0] ?? 0 }
  }

  #hitBy(key: Key, options: HitOptions): number {
    const { windowMs, restartAbove, doubles } = hitTermsOf(options, this.windowMs)
    return this.#window.hit(key, costOf(options), restartAbove, doubles ? 1 : 0, windowMs)
  }

  decrement(key: Key, options?: CheckOptions): void {
    this.#window.decrement(key, costOf(options))
  }

  get(key: Key): WindowState | undefined {
    const count = this.#window.get(key)
    const resetMs = this.#result[0] ?? 0
    return resetMs > 0 ? { count, resetMs } : undefined
  }

  reset(key: Key): boolean {
    return this.#window.forget(key)
  }

  resetAll(): void {
    this.#window.forgetAll()
  }

  close(): void {
    this.#window = CLOSED
  }
}
