// The arithmetic of a bucket in TypeScript: native/core/limit_req_node.h, number for number. Ticks are thousandths of a
// request, times whole milliseconds, divisions truncate. Costs and `remaining` follow from nginx's rule for one request:
// n requests in the same millisecond are the same as one that costs n.

import { MAX_TICKS, type TickRate } from './rate.ts'
import type { CheckResult } from './types.ts'

export const TICKS = 1000
/** What a key that was never seen owes: its first request is free of charge. */
const FRESH = -TICKS
/** How far one decision's clock may be behind another's (kClockLagMs). */
export const CLOCK_LAG_MS = 60_000

/** `excess` ticks above the rate after the last charge, at `last` ms. */
export interface Bucket {
  last: number
  excess: number
}

/** Of one check; burst and delay in ticks. */
export interface Terms {
  readonly rate: TickRate
  readonly burst: number
  readonly delay: number
}

/**
 * Milliseconds that count as passed since `last`. A small step back is a slightly older clock of somebody else; a large
 * one is a clock that was set.
 */
export function elapsedMs(nowMs: number, last: number): number {
  const ms = nowMs - last
  if (ms >= 0) return ms
  return ms < -CLOCK_LAG_MS ? 1 : 0
}

/** What native/core says for what is longer; ages. */
const MOST = 2 ** 63
const LONGEST_WAIT_MS = 2 ** 62

/** floor(a * b / c) of whole numbers, exactly; MOST where that is too large. */
export function mulDiv(a: number, b: number, c: number): number {
  const product = a * b
  // Up to 2^53 the rounded quotient has the right floor: the true one is whole, or at least 1/c below the next whole
  // number, and half a unit in its last place is less than that.
  if (product <= MAX_TICKS) return Math.floor(product / c)
  return Math.min(Number((BigInt(a) * BigInt(b)) / BigInt(c)), MOST)
}

/** Ticks above the rate now, before any charge: from -1000 (empty, the next request is free) up. */
export function owed(bucket: Bucket | undefined, rate: TickRate, nowMs: number): number {
  if (bucket === undefined) return FRESH
  const drained = mulDiv(rate.ticks, elapsedMs(nowMs, bucket.last), rate.periodMs)
  return Math.max(FRESH, bucket.excess - drained)
}

/** How long an accepted request waits. */
export function delayMs(excess: number, terms: Terms): number {
  if (excess <= terms.delay) return 0
  return mulDiv(excess - terms.delay, terms.rate.periodMs, terms.rate.ticks)
}

/** The result of a request that was allowed and left the bucket at `debt` ticks. */
export function allowed(debt: number, terms: Terms): CheckResult {
  return {
    allowed: true,
    delayMs: delayMs(debt, terms),
    remaining: remaining(debt, terms),
    retryAfterMs: 0,
    excess: Math.max(0, debt) / TICKS,
  }
}

/**
 * The result of a request of `cost` ticks that was refused; nothing was charged. `pending` are the ticks that the same
 * decision has for the bucket besides.
 */
export function refused(
  bucket: Bucket | undefined,
  cost: number,
  terms: Terms,
  nowMs: number,
  pending = 0,
): CheckResult {
  const debt = owed(bucket, terms.rate, nowMs) + pending
  return {
    allowed: false,
    delayMs: 0,
    remaining: remaining(debt, terms),
    retryAfterMs: retryAfterMs(bucket, pending + cost, terms, nowMs),
    excess: (debt + cost) / TICKS,
  }
}

/** The result when there is no room for a new bucket. */
export function noRoom(cost: number, terms: Terms): CheckResult {
  return {
    allowed: false,
    delayMs: 0,
    remaining: remaining(FRESH, terms),
    retryAfterMs: Number.POSITIVE_INFINITY,
    excess: (FRESH + cost) / TICKS,
  }
}

function remaining(debt: number, terms: Terms): number {
  return Math.max(0, Math.floor((terms.burst - debt) / TICKS))
}

function retryAfterMs(bucket: Bucket | undefined, cost: number, terms: Terms, nowMs: number): number {
  if (bucket === undefined || cost + FRESH > terms.burst) return Number.POSITIVE_INFINITY
  const tooMany = bucket.excess + cost - terms.burst
  // The first millisecond at which so much has drained: rounded up.
  const drainMs = mulDiv(tooMany, terms.rate.periodMs, terms.rate.ticks)
  if (drainMs >= LONGEST_WAIT_MS) return LONGEST_WAIT_MS
  const exact = mulDiv(drainMs, terms.rate.ticks, terms.rate.periodMs) >= tooMany
  const sinceMs = nowMs - bucket.last
  return Math.max(1, drainMs + (exact ? 0 : 1) - (sinceMs < -CLOCK_LAG_MS ? 1 : sinceMs))
}

/**
 * As native/core codes rates: nine significant bits, rounded down. Only eviction and statistics use it; whoever decides
 * brings the exact rate.
 */
function codedPerMs({ ticks, periodMs }: TickRate): number {
  coded.setFloat64(0, ticks / periodMs)
  coded.setUint32(0, coded.getUint32(0) & 0xfffff000)
  coded.setUint32(4, 0)
  return coded.getFloat64(0)
}

const coded = new DataView(new ArrayBuffer(8))

/** At least what the bucket owes, by the rate of its latest charge. */
export function owedAtMost(bucket: Bucket, rate: TickRate, nowMs: number): number {
  return Math.max(FRESH, bucket.excess - Math.floor(codedPerMs(rate) * elapsedMs(nowMs, bucket.last)))
}

/** Forgetting such a bucket forgives nothing. */
export function isFresh(bucket: Bucket, rate: TickRate, nowMs: number): boolean {
  return owedAtMost(bucket, rate, nowMs) === FRESH
}

/** Nor does it to anybody whose clock is behind. */
export function isExpired(bucket: Bucket, rate: TickRate, nowMs: number): boolean {
  return elapsedMs(nowMs, bucket.last) >= CLOCK_LAG_MS && isFresh(bucket, rate, nowMs - CLOCK_LAG_MS)
}

/** Forgetting such a bucket forgives requests above the rate. */
export function isInDebt(bucket: Bucket, rate: TickRate, nowMs: number): boolean {
  return owedAtMost(bucket, rate, nowMs) > 0
}
