// A token bucket for each key, in shared memory. A check is one call into the addon, which returns a number; the rest of
// the result is computed from what the bucket owes.

import type { Bucket } from '../native/addon.ts'
import { LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../native/limit_codes.ts'
import { TICKS } from './bucket.ts'
import { type CompiledLimit, checkCount, compileLimit, costOf } from './options.ts'
import type { TickRate } from './rate.ts'
import { claimName, type SharedKeys } from './shared_keys.ts'
import type { BusyKey, CheckOptions, CheckResult, Key, Limit, LimitOptions, WaitOptions } from './types.ts'
import { afterDelay } from './wait.ts'
import { closed } from './zone_error.ts'

const CLOSED: Bucket = { check: closed, peek: closed, forget: closed, busiest: closed }

export class SharedLimit implements Limit {
  readonly name: string
  readonly burst: number
  readonly keys: SharedKeys
  readonly #limit: CompiledLimit
  /** Filled by each call: owed, index, ms until a refused request would pass. */
  readonly #result = new Float64Array(3)
  bucket: Bucket

  constructor(keys: SharedKeys, options: LimitOptions) {
    this.#limit = compileLimit(options)
    this.keys = keys
    this.name = options.name
    this.burst = this.#limit.burst / TICKS
    const { burst, delay, rate = { ticks: 1, periodMs: 1 } } = this.#limit
    const prefix = claimName(keys, 'limit', this.name)
    const spec = { prefix, rate: rate.ticks, periodMs: rate.periodMs, burst, delay }
    this.bucket = keys.addon.compileBucket(keys.zone, spec, this.#result, keys.clock)
  }

  check(key: Key, options?: CheckOptions): CheckResult {
    if (this.#limit.rate !== undefined && options === undefined) {
      return this.resultOf(this.bucket.check(key), 1, this.#result)
    }
    const cost = costOf(options)
    const { ticks, periodMs } = this.#limit.rate ?? this.#limit.rateOf(key)
    return this.resultOf(this.bucket.check(key, cost, ticks, periodMs), cost, this.#result)
  }

  async wait(key: Key, options?: WaitOptions): Promise<CheckResult> {
    options?.signal?.throwIfAborted()
    return afterDelay(this.check(key, options), options?.signal)
  }

  peek(key: Key, options?: CheckOptions): CheckResult {
    const cost = costOf(options)
    const { ticks, periodMs } = this.#limit.rateOf(key)
    return this.resultOf(this.bucket.peek(key, cost, ticks, periodMs), cost, this.#result)
  }

  reset(key: Key): boolean {
    return this.bucket.forget(key)
  }

  top(n: number): BusyKey[] {
    checkCount(n)
    const flat = this.bucket.busiest(n)
    const busy: BusyKey[] = []
    for (let i = 0; i < flat.length; i += 2) {
      busy.push({ key: flat[i] as Buffer, excess: (flat[i + 1] as number) / TICKS })
    }
    return busy
  }

  rateOf(key: Key): TickRate {
    return this.#limit.rateOf(key)
  }

  /** `verdict` and `result` as the addon left them. */
  resultOf(verdict: number, cost: number, result: Float64Array): CheckResult {
    const owed = result[0] ?? 0
    const remaining = Math.max(0, Math.floor((this.#limit.burst - owed) / TICKS))
    if (verdict >= 0 || verdict === LIMIT_NOT_ACCOUNTED) {
      const delayMs = Math.max(verdict, 0)
      return { allowed: true, delayMs, remaining, retryAfterMs: 0, excess: owed > 0 ? owed / TICKS : 0 }
    }
    const retryMs = verdict === LIMIT_REJECTED ? (result[2] ?? -1) : -1
    const retryAfterMs = retryMs < 0 ? Number.POSITIVE_INFINITY : retryMs
    return { allowed: false, delayMs: 0, remaining, retryAfterMs, excess: (owed + cost * TICKS) / TICKS }
  }

  close(): void {
    this.bucket = CLOSED
  }
}
