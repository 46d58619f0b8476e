// The arithmetic of a bucket in TypeScript: native/core/limit_req_node.h, number for number. Ticks are thousandths of a
// request, times whole milliseconds, divisions truncate. Costs and `remaining` follow from nginx's rule for one request:
// n requests in the same millisecond are the same as one that costs n.

import { MAX_TICKS, type TickRate } from './rate.ts'
import type { CheckResult } from './types.ts'

export const TICKS = 1000
/** What a key that was never seen owes: its first request is free of charge. */
const FRESH = -TICKS
const EXPIRE_MS = 60_000

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
  return ms < -EXPIRE_MS ? 1 : 0
}

/** floor(a * b / c) of whole numbers, exactly. */
export function mulDiv(a: number, b: number, c: number): number {
  const product = a * b
  // Up to 2^53 the rounded quotient has the right floor: the true one is whole, or at least 1/c below the next whole
  // number, and half a unit in its last place is less than that.
  return product <= MAX_TICKS ? Math.floor(product / c) : Number((BigInt(a) * BigInt(b)) / BigInt(c))
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

/** The result of a request of `cost` ticks that was refused; nothing was charged. */
export function refused(bucket: Bucket | undefined, cost: number, terms: Terms, nowMs: number): CheckResult {
  const debt = owed(bucket, terms.rate, nowMs)
  return {
    allowed: false,
    delayMs: 0,
    remaining: remaining(debt, terms),
    retryAfterMs: retryAfterMs(bucket, cost, terms, nowMs),
    excess: (debt + cost) / TICKS,
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
  const exact = mulDiv(drainMs, terms.rate.ticks, terms.rate.periodMs) >= tooMany
  const sinceMs = nowMs - bucket.last
  return Math.max(1, drainMs + (exact ? 0 : 1) - (sinceMs < -EXPIRE_MS ? 1 : sinceMs))
}

/** Forgetting such a bucket changes no later decision. */
export function isExpired(bucket: Bucket, rate: TickRate, nowMs: number): boolean {
  return elapsedMs(nowMs, bucket.last) >= EXPIRE_MS && owed(bucket, rate, nowMs) === FRESH
}

/** Forgetting such a bucket forgives requests above the rate. */
export function isInDebt(bucket: Bucket, rate: TickRate, nowMs: number): boolean {
  return owed(bucket, rate, nowMs) > 0
}
