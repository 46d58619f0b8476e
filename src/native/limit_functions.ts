// The addon's compiled limits: one call decides. The text of src/native/addon.ts applies.

import type { LimitConnZone, LimitReqZone } from './zone_functions.ts'

/** One limit of a location. Rate, burst and delay are nginx's ticks: 1 = 1/1000 request (spec/limit-req.md §1). */
export interface LimitSpec {
  readonly zone: LimitReqZone
  /** Ticks per second. */
  readonly rate: number
  readonly burst: number
  /** Ticks above which an accepted request is delayed; Infinity = nodelay. */
  readonly delay: number
  /** True for limit_req_dry_run: counted apart in the zone's statistics; decisions are the same. */
  readonly dryRun: boolean
}

/**
 * Decides and charges all limits of a location in one call: all or none. One latin1 string key per limit, in order; an
 * empty key, or one longer than 65535 bytes, skips its limit. Returns milliseconds to wait (>= 0) or a negative LIMIT_*
 * code. `result[0]` = excess in ticks of the deciding limit, `result[1]` = its index.
 */
export type CheckLimits = (...keys: string[]) => number

/** Text, of which the UTF-8 bytes count, or bytes. */
export type KeyBytes = string | Uint8Array

/** A bucket limit of the library; ticks are 1/1000 request. */
export interface BucketSpec {
  /** In front of every key: bytes as a latin1 string. */
  readonly prefix: string
  /** Ticks that drain in `periodMs`. */
  readonly rate: number
  /** Up to 2^43 - 1. */
  readonly periodMs: number
  readonly burst: number
  /** 2^53 = nodelay. */
  readonly delay: number
}

/**
 * The functions of a bucket limit. `check` and `peek` return milliseconds to wait (>= 0) or a negative LIMIT_* code, and
 * fill `result`: [0] what the bucket owes afterwards, in ticks, from -1000 (as good as new) up; [1] the index of the
 * limit that decided (checkTogether); [2] of a refused request: after how many ms it would pass, -1 = never. `cost` is in
 * requests; `rate` and `periodMs` replace those of the limit. A key that is empty or, with its prefix, longer than 65535
 * bytes is LIMIT_NOT_ACCOUNTED. A TypeError for a key that is neither text nor bytes, a RangeError for wrong numbers.
 */
export interface Bucket {
  check(key: KeyBytes, cost?: number, rate?: number, periodMs?: number): number
  peek(key: KeyBytes, cost?: number, rate?: number, periodMs?: number): number
  /** True if there was something to forget. */
  forget(key: KeyBytes): boolean
  /** Key, ticks, key, ticks ...: those with the largest debt, largest first. Locks a few pages of the zone at a time. */
  busiest(n: number): (Buffer | number)[]
}

/**
 * The functions of a window limit. `hit` and `get` return the hits in the running window; `result[0]` is the time until
 * its end in ms, for `get` 0 when none is running.
 */
export interface Window {
  /**
   * From a hit that makes more than `restartAbove` the window begins anew with its count, twice as long with each further
   * hit if `doubles` is 1. `windowMs` replaces that of the limit.
   */
  hit(key: KeyBytes, cost?: number, restartAbove?: number, doubles?: number, windowMs?: number): number
  /** Takes hits back, never below 0. */
  decrement(key: KeyBytes, cost?: number): void
  get(key: KeyBytes): number
  forget(key: KeyBytes): boolean
  /** Forgets every key with this prefix; a few pages of the zone at a time. */
  forgetAll(): void
}

/** One limit of a location: at most so many connections under a key, over all processes. */
export interface ConnLimitSpec {
  readonly zone: LimitConnZone
  /** 1 to 65535. */
  readonly connections: number
  /** True for limit_conn_dry_run: counted apart in the zone's statistics; decisions are the same. */
  readonly dryRun: boolean
}

/**
 * Decides all limits of a location in one call and holds a connection under every key, or under none. One latin1 string
 * key per limit, in order; an empty key, or one longer than 255 bytes, skips its limit. Returns a handle (> 0) for
 * `releaseConnections`, or a negative LIMIT_* code; then `result[0]` is the index of the limit that refused: the first
 * one in the list, those behind it were not looked at.
 */
export type AcquireConnections = (...keys: string[]) => number

/** Limits of a location of the proxy. */
export interface LimitFunctions {
  /**
   * 1 to 16 limits on as many different zones. `result`: at least 2 doubles, filled by each call (see CheckLimits); it
   * must not be transferred to another thread.
   */
  compileLimits(limits: readonly LimitSpec[], result: Float64Array): CheckLimits
  /** As CheckLimits with the clock as first argument (ms), for tests. */
  compileLimitsAt(limits: readonly LimitSpec[], result: Float64Array): (nowMs: number, ...keys: string[]) => number

  /**
   * 1 to 16 limits on as many different zones. `result`: at least 1 element, filled by each refusal (see
   * AcquireConnections); it must not be transferred to another thread. A refusal looks once a second at most whether
   * connections are held by processes that are dead; they are returned and the decision is made again.
   */
  compileConnLimits(limits: readonly ConnLimitSpec[], result: Int32Array): AcquireConnections
  /** Gives back what a handle stands for. Throws a TypeError for a handle that is not held (any more). */
  releaseConnections(handle: number): void
}

/** The library's limits, on limit_req zones. */
export interface LibraryFunctions {
  /**
   * `result`: at least 3 doubles, filled by each call. `clock[0]`, if given, is the time in ms instead of the machine's,
   * for tests. Neither may be transferred to another thread.
   */
  compileBucket(zone: LimitReqZone, options: BucketSpec, result: Float64Array, clock?: Float64Array): Bucket
  /** `result`: at least 1 double, filled by each call; `clock` as with compileBucket. */
  compileWindow(
    zone: LimitReqZone,
    options: { readonly prefix: string; readonly windowMs: number },
    result: Float64Array,
    clock?: Float64Array,
  ): Window
  /**
   * One check of cost 1 of up to 16 buckets, as Bucket.check: all are charged or none is. `rates` holds rate and
   * periodMs of each. The same bucket and key twice are two requests.
   */
  checkTogether(
    buckets: readonly Bucket[],
    keys: readonly KeyBytes[],
    rates: Float64Array,
    result: Float64Array,
  ): number
  /**
   * Writes down what limits of this name (bytes as latin1) in this zone are: 1 buckets, 2 windows; or compares with what
   * was written. Returns 0 or LIMIT_NAME_*.
   */
  registerLimitName(zone: LimitReqZone, name: string, algorithm: number): number
}
