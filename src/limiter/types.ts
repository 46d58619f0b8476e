// What the library promises, whatever keeps the buckets: shared memory by the addon (zone.ts), or one process's own
// memory where there is no addon (memory_zone.ts). Times are milliseconds, costs and counts are requests.

/**
 * Bytes of a key, or text, of which the UTF-8 bytes count. As with nginx, an empty one is not limited, nor is one of more than
 * 65535 bytes together with the limit's name: of what a client may choose at will take a hash.
 */
export type Key = string | Uint8Array

export interface ZoneOptions {
  /** Bytes, or nginx's `64k`, `10m`. Default 1m, about 8,000 keys. Whoever opens first decides; another size is an error. */
  readonly size?: number | string
  /** Folder of the zone's file. Default /dev/shm: shared by all processes of the machine, gone after a reboot. */
  readonly dir?: string
  /** Instead of `dir`, the file of a zone of the proxy: `limit_req_zone … state=PATH`. Needs `key`. */
  readonly state?: string
  /**
   * With `state`, the key as it stands in nginx.conf: `$binary_remote_addr`. Keys are then what that means there (4 or 16
   * bytes of an address, which adapters find for themselves by `binaryAddress` of theirs), limits have no names in them, so
   * all limits of the zone share their buckets; there are no windows.
   */
  readonly key?: string
}

/**
 * A rate: nginx's `10r/s` and `5r/m`, beyond that `100r/h` and `1000r/d`; a number is per second; or so many requests in so
 * many milliseconds.
 */
export type Rate = string | number | { readonly requests: number; readonly periodMs: number }

export interface LimitOptions {
  /** Keeps the keys of several limits in one zone apart. */
  readonly name: string
  /**
   * Of all keys, or of one: a function or a table by key (`default` for the others). May differ between processes, and from
   * one call to the next. The zone may forget a bucket that is full again by the rate of its latest charge: if the key's rate
   * is slower from then on, what it would still owe by that one is forgiven.
   */
  readonly rate: Rate | ((key: Key) => Rate) | ReadonlyMap<string, Rate>
  /** Requests above the rate that are accepted. Default 0. */
  readonly burst?: number
  /** Requests above the rate that need not wait. Default: all, as with nginx's `nodelay`. */
  readonly delay?: number
  /** The same as leaving `delay` out; for readers of nginx.conf. */
  readonly nodelay?: boolean
}

export interface CheckOptions {
  /** How many requests this one counts as. A whole number from 0; default 1. */
  readonly cost?: number
}

export interface WaitOptions extends CheckOptions {
  /** Aborts the wait; what was charged stays charged, as with a client of nginx that leaves. */
  readonly signal?: AbortSignal
}

export interface CheckResult {
  /** False: nothing was charged. */
  readonly allowed: boolean
  /** How long an allowed request should wait; 0 = not at all. */
  readonly delayMs: number
  /** Requests that would still be allowed right now. */
  readonly remaining: number
  /** After this time the same request would be allowed; 0 if it was. Infinity if it never can be (cost above burst + 1). */
  readonly retryAfterMs: number
  /** Requests above the rate, with three decimals, as nginx logs it. Of a refused request: what it would have been. */
  readonly excess: number
}

export interface BusyKey {
  readonly key: Uint8Array
  /** Requests above the rate now. */
  readonly excess: number
}

/** A token bucket for each key: nginx's limit_req to the bit. */
export interface Limit {
  readonly name: string
  readonly burst: number
  /** Decides and charges, synchronously. */
  check(key: Key, options?: CheckOptions): CheckResult
  /** As check, and resolves when the delay is over. Rejects with the signal's reason, and where check throws. */
  wait(key: Key, options?: WaitOptions): Promise<CheckResult>
  /** What check would say, without charging. */
  peek(key: Key, options?: CheckOptions): CheckResult
  /** Forgets the key. True if that forgave something: its bucket was not empty. */
  reset(key: Key): boolean
  /** The keys with the largest excess, largest first. Locks a few pages of the zone at a time: others wait microseconds. */
  top(n: number): BusyKey[]
}

export interface WindowOptions {
  readonly name: string
  /** Length of the window, which begins with a key's first hit. */
  readonly windowMs: number
}

export interface WindowState {
  /** Hits in the window, the refused ones included: who refuses is the caller. */
  readonly count: number
  /** Until the window ends, at least 1; then the count begins anew. */
  readonly resetMs: number
}

export interface HitOptions extends CheckOptions {
  /** Length of the window that begins with this hit, if one does; default that of the limit. */
  readonly windowMs?: number
  /**
   * A penalty for those who go on: from a hit that makes the count more than `above`, the window begins anew with that
   * count; if it `doubles`, twice as long with each hit that is one more too many.
   */
  readonly restart?: { readonly above: number; readonly doubles?: boolean }
}

/** A counter for each key that begins anew when its window ends: what the stores of present Node limiters need. */
export interface WindowLimit {
  readonly name: string
  readonly windowMs: number
  hit(key: Key, options?: HitOptions): WindowState
  /** Takes hits back, never below 0. A key without a window stays without. */
  decrement(key: Key, options?: CheckOptions): void
  get(key: Key): WindowState | undefined
  /** Forgets the key. True if it had a running window. */
  reset(key: Key): boolean
  /** Forgets all keys of this limit. */
  resetAll(): void
}

export interface ZoneStats {
  readonly sizeBytes: number
  readonly nodes: number
  readonly passed: number
  readonly delayed: number
  readonly rejected: number
  readonly evictedIdle: number
  readonly evictedInDebt: number
  readonly allocationFailures: number
  /** Waits for a lock that ended while spinning, and those that slept. */
  readonly spins: number
  readonly sleeps: number
}

export interface Zone {
  readonly name: string
  /** The file; undefined where the zone serves this process only. */
  readonly path: string | undefined
  /** Of a zone of the proxy: what its keys are, as it stands in nginx.conf. Undefined for all others. */
  readonly key: string | undefined
  limit(options: LimitOptions): Limit
  window(options: WindowOptions): WindowLimit
  /** All limits are charged or none is. The result is that of the limit that refused, or of the longest delay. */
  checkAll(checks: ReadonlyArray<readonly [limit: Limit, key: Key]>): CheckResult
  stats(): ZoneStats
  /** Ends this process's use of the zone. The zone stays. */
  close(): void
  /** Removes the file: whoever opens the name next gets a new zone. */
  unlink(): void
}
