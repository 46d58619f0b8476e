// What limit_req and limit_conn mean, as short as it can be said: maps without bounds, nginx's two passes and its undoing,
// written from the description of nginx's behaviour and not from native/core. The properties compare the zones with these.

import { LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../../../src/native/addon.ts'

/** Ticks and milliseconds, as everywhere. */
export interface Bucket {
  last: number
  excess: number
}

export type Buckets = Map<string, Bucket>

export interface ReqLimitModel {
  readonly buckets: Buckets
  /** Ticks per second. */
  readonly rate: number
  readonly burst: number
  /** Infinity = nodelay. */
  readonly delay: number
}

export interface ReqVerdict {
  /** Milliseconds to wait, or a LIMIT_* code. */
  readonly wait: number
  /** Of the limit that decided; undefined where nothing was looked at. */
  readonly excess?: number
  readonly index?: number
}

const MAX_REQ_KEY = 65535
const MAX_CONN_KEY = 255
/** nginx's 0: the `last` of a node that its first pass made. */
const NEVER = Number.NEGATIVE_INFINITY

/** Milliseconds that count as passed. */
export function elapsed(now: number, last: number): number {
  const ms = now - last
  if (ms < -60_000) return 1
  return Math.max(0, ms)
}

/** The excess with one more request. */
export function excessAfter({ last, excess }: Bucket, rate: number, now: number): number {
  return Math.max(0, excess - Math.floor((rate * elapsed(now, last)) / 1000) + 1000)
}

function charge(bucket: Bucket, rate: number, now: number): number {
  bucket.excess = excessAfter(bucket, rate, now)
  if (elapsed(now, bucket.last) !== 0) bucket.last = now
  return bucket.excess
}

/** nginx's handler: pass one looks at all limits but charges only the last one, pass two charges those before it. */
export function decide(limits: readonly ReqLimitModel[], keys: readonly string[], now: number): ReqVerdict {
  const last = limits.length - 1
  const pending: number[] = []
  let chargedLast = false
  let best = { wait: 0, excess: 0, index: last }
  for (const [index, { buckets, rate, burst, delay }] of limits.entries()) {
    const key = keys[index] as string
    if (key.length === 0 || key.length > MAX_REQ_KEY) continue
    const known = buckets.get(key)
    const excess = known === undefined ? 0 : excessAfter(known, rate, now)
    if (excess > burst) return { wait: LIMIT_REJECTED, excess, index }
    const bucket = known ?? { last: index === last ? now : NEVER, excess: 0 }
    buckets.set(key, bucket)
    if (index !== last) {
      pending.push(index)
      continue
    }
    if (known !== undefined) charge(bucket, rate, now)
    chargedLast = true
    best = { wait: waitOf(excess, delay, rate), excess, index }
  }
  if (!chargedLast && pending.length === 0) return { wait: LIMIT_NOT_ACCOUNTED }
  for (const index of pending.reverse()) {
    const { buckets, rate, delay } = limits[index] as ReqLimitModel
    const excess = charge(buckets.get(keys[index] as string) as Bucket, rate, now)
    const wait = waitOf(excess, delay, rate)
    if (wait > best.wait) best = { wait, excess, index }
  }
  return best
}

/** Milliseconds that an accepted request waits. */
export function waitOf(excess: number, delay: number, rate: number): number {
  return excess <= delay ? 0 : Math.floor(((excess - delay) * 1000) / rate)
}

export interface ConnLimitModel {
  /** Connections by key. */
  readonly counts: Map<string, number>
  readonly connections: number
}

export interface ConnVerdict {
  /** The limits under which a connection is held now, or a LIMIT_* code. */
  readonly held: readonly { readonly counts: Map<string, number>; readonly key: string }[] | number
  /** Of the limit that refused. */
  readonly index?: number
}

/** nginx's handler: counts one limit after the other, and takes everything back where one refuses. */
export function acquire(limits: readonly ConnLimitModel[], keys: readonly string[]): ConnVerdict {
  const held: { counts: Map<string, number>; key: string }[] = []
  for (const [index, { counts, connections }] of limits.entries()) {
    const key = keys[index] as string
    if (key.length === 0 || key.length > MAX_CONN_KEY) continue
    const count = counts.get(key) ?? 0
    if (count >= connections) {
      release(held)
      return { held: LIMIT_REJECTED, index }
    }
    counts.set(key, count + 1)
    held.push({ counts, key })
  }
  return { held: held.length === 0 ? LIMIT_NOT_ACCOUNTED : held }
}

export function release(held: Exclude<ConnVerdict['held'], number>): void {
  for (const { counts, key } of held) counts.set(key, (counts.get(key) ?? 0) - 1)
}
