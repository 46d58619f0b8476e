// The smallest statement of what a limit decides, to hold zones against: exact integers, no eviction, no sharing. Written
// from nginx's rule for one request, and from the contract in src/limiter/types.ts for the rest.

import type { CheckResult, WindowState } from '../../src/limiter/types.ts'

/** `ticks` (1/1000 request) drain in `periodMs`; burst and delay in requests, delay Infinity for nodelay. */
export interface ModelTerms {
  readonly ticks: bigint
  readonly periodMs: bigint
  readonly burst: number
  readonly delay: number
}

export class LimitModel {
  readonly #terms: ModelTerms
  readonly #buckets = new Map<string, { last: bigint; excess: bigint }>()

  constructor(terms: ModelTerms) {
    this.#terms = terms
  }

  check(key: string, cost: number, nowMs: number): CheckResult {
    const before = this.#buckets.get(key)
    const result = this.peek(key, cost, nowMs)
    if (result.allowed && cost > 0) {
      const now = BigInt(nowMs)
      this.#buckets.set(key, {
        last: before && before.last > now ? before.last : now,
        excess: this.#after(key, cost, nowMs),
      })
    }
    return result
  }

  peek(key: string, cost: number, nowMs: number): CheckResult {
    const allowed = cost === 0 || this.#fits(key, cost, nowMs)
    const after = this.#after(key, cost, nowMs)
    const { delay, ticks, periodMs, burst } = this.#terms
    const late = Number.isFinite(delay) ? after - BigInt(delay) * 1000n : 0n
    return {
      allowed,
      delayMs: allowed && late > 0n ? Number((late * periodMs) / ticks) : 0,
      remaining: this.#remaining(key, allowed ? cost : 0, nowMs),
      retryAfterMs: allowed ? 0 : cost > burst + 1 ? Number.POSITIVE_INFINITY : this.#retryAfter(key, cost, nowMs),
      excess: after > 0n ? Number(after) / 1000 : 0,
    }
  }

  reset(key: string): void {
    this.#buckets.delete(key)
  }

  #fits(key: string, cost: number, nowMs: number): boolean {
    return this.#after(key, cost, nowMs) <= BigInt(this.#terms.burst) * 1000n
  }

  /** Ticks above the rate with the first request of `cost`, and then with each of the others. */
  #after(key: string, cost: number, nowMs: number): bigint {
    const bucket = this.#buckets.get(key)
    let excess = -1000n
    if (bucket !== undefined) {
      const ms = BigInt(nowMs) > bucket.last ? BigInt(nowMs) - bucket.last : 0n
      const drained = bucket.excess - (this.#terms.ticks * ms) / this.#terms.periodMs
      if (drained > excess) excess = drained
    }
    return excess + BigInt(cost) * 1000n
  }

  /** Counts upwards until it does not fit. */
  #remaining(key: string, charged: number, nowMs: number): number {
    let n = 0
    while (this.#fits(key, charged + n + 1, nowMs)) ++n
    return n
  }

  /** The first millisecond at which it fits, by bisection. */
  #retryAfter(key: string, cost: number, nowMs: number): number {
    let low = 0
    let high = 1
    while (!this.#fits(key, cost, nowMs + high)) high *= 2
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#fits(key, cost, nowMs + middle)) high = middle
      else low = middle
    }
    return high
  }
}

export class WindowModel {
  readonly #windowMs: number
  readonly #restart: { readonly above: number; readonly doubles: boolean } | undefined
  readonly #windows = new Map<string, { endMs: number; count: number }>()

  constructor(windowMs: number, restart?: { readonly above: number; readonly doubles: boolean }) {
    this.#windowMs = windowMs
    this.#restart = restart
  }

  hit(key: string, cost: number, nowMs: number): WindowState {
    const running = this.get(key, nowMs)
    const count = (running?.count ?? 0) + cost
    let resetMs = running?.resetMs ?? this.#windowMs
    if (this.#restart !== undefined && count > this.#restart.above) {
      const times = this.#restart.doubles ? 2 ** (count - this.#restart.above - 1) : 1
      resetMs = Math.min(this.#windowMs * times, 2 ** 43 - 1)
    }
    this.#windows.set(key, { endMs: nowMs + resetMs, count })
    return { count, resetMs }
  }

  decrement(key: string, cost: number, nowMs: number): void {
    const window = this.#windows.get(key)
    if (this.get(key, nowMs) !== undefined && window) window.count = Math.max(0, window.count - cost)
  }

  get(key: string, nowMs: number): WindowState | undefined {
    const window = this.#windows.get(key)
    return window && window.endMs > nowMs ? { count: window.count, resetMs: window.endMs - nowMs } : undefined
  }

  reset(key: string, nowMs: number): boolean {
    const running = this.get(key, nowMs) !== undefined
    this.#windows.delete(key)
    return running
  }
}
