// What users pass in, checked once: a wrong value is an error when a zone or a limit is opened, never a default. Checks
// on requests only refuse what cannot be meant (a key that is neither text nor bytes, half a request).

import { TICKS } from './bucket.ts'
import { MAX_PERIOD_MS, MAX_TICKS, parseRate, type TickRate } from './rate.ts'
import type { CheckOptions, HitOptions, Key, Limit, LimitOptions, Rate, WindowOptions } from './types.ts'

/** Of a key together with the name of its limit. */
export const MAX_KEY_BYTES = 65535

/** Decided together; as with a location of the proxy. */
export const MAX_LIMITS = 16

/** @throws when there are none or too many, or one that is not of the zone */
export function checkList(
  checks: ReadonlyArray<readonly [limit: Limit, key: Key]>,
  zoneName: string,
  isOurs: (limit: Limit) => boolean,
): void {
  if (checks.length === 0) throw new RangeError('no limit to check')
  if (checks.length > MAX_LIMITS) throw new RangeError(`${checks.length} limits at once: ${MAX_LIMITS} at most`)
  for (const [limit] of checks) {
    if (!isOurs(limit)) throw new TypeError(`limit "${limit.name}" is not one of zone "${zoneName}"`)
  }
}

/** A limit as the arithmetic needs it; burst and delay in ticks. */
export interface CompiledLimit {
  readonly name: string
  readonly burst: number
  readonly delay: number
  readonly rateOf: (key: Key) => TickRate
  /** The same for all keys; undefined where it is not. */
  readonly rate: TickRate | undefined
}

export function compileLimit(options: LimitOptions): CompiledLimit {
  checkLimitName(options.name)
  const { burst = 0, delay, nodelay } = options
  if (nodelay === true && delay !== undefined) throw new TypeError('either nodelay or delay, not both')
  return {
    name: options.name,
    burst: wholeTicks('burst', burst),
    delay: delay === undefined && nodelay !== false ? MAX_TICKS : wholeTicks('delay', delay ?? 0),
    ...compileRate(options.rate),
  }
}

export function checkWindow(options: WindowOptions): void {
  checkLimitName(options.name)
  checkWindowMs(options.windowMs)
}

function checkWindowMs(windowMs: number): void {
  if (!Number.isSafeInteger(windowMs) || windowMs < 1 || windowMs > MAX_PERIOD_MS)
    throw new RangeError(`invalid windowMs ${windowMs}`)
}

/** Whole requests, 1 unless told otherwise. */
export function costOf(options: CheckOptions | undefined): number {
  const cost = options?.cost
  if (cost === undefined) return 1
  if (!Number.isSafeInteger(cost) || cost < 0 || cost > MAX_TICKS / TICKS) throw new RangeError(`invalid cost ${cost}`)
  return cost
}

/** What is special about a hit; see HitOptions. */
export interface HitTerms {
  readonly windowMs: number
  /** MAX_TICKS: no restart. */
  readonly restartAbove: number
  readonly doubles: boolean
}

export function hitTermsOf({ windowMs: ownMs, restart }: HitOptions, windowMs: number): HitTerms {
  if (ownMs !== undefined) checkWindowMs(ownMs)
  const { above = MAX_TICKS, doubles = false } = restart ?? {}
  if (above !== MAX_TICKS && (!Number.isSafeInteger(above) || above < 0)) {
    throw new RangeError(`invalid above ${above}: a whole number from 0`)
  }
  return { windowMs: ownMs ?? windowMs, restartAbove: above, doubles }
}

/** @throws TypeError for what is neither text nor bytes */
export function checkKey(key: unknown): void {
  if (typeof key !== 'string' && !(key instanceof Uint8Array)) {
    throw new TypeError(`a key is text or bytes, not ${typeof key}`)
  }
}

/** Of the busiest keys: as many as that, or as there are. */
export function checkCount(n: unknown): void {
  if (typeof n !== 'number' || !(n >= 0)) throw new TypeError(`n is a number from 0, not ${String(n)}`)
}

function checkLimitName(name: string): void {
  if (typeof name !== 'string') throw new TypeError(`a limit's name is text, not ${typeof name}`)
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 255) {
    throw new RangeError(`invalid limit name ${JSON.stringify(name)}: 1 to 255 bytes, none of them 0`)
  }
}

function wholeTicks(what: string, requests: number): number {
  const ticks = requests * TICKS
  if (!Number.isSafeInteger(requests) || requests < 0 || ticks > MAX_TICKS) {
    throw new RangeError(`invalid ${what} ${requests}: a whole number from 0`)
  }
  return ticks
}

function compileRate(rate: LimitOptions['rate']): Pick<CompiledLimit, 'rate' | 'rateOf'> {
  if (typeof rate === 'function') {
    const parse = cached(parseRate)
    return { rateOf: (key) => parse(rate(key)), rate: undefined }
  }
  if (rate instanceof Map) {
    const table = new Map([...rate].map(([key, value]: [string, Rate]) => [key, parseRate(value)]))
    const others = table.get('default')
    if (others === undefined) throw new RangeError('a table of rates needs a rate for "default"')
    const rateOf = (key: Key) => table.get(typeof key === 'string' ? key : Buffer.from(key).toString()) ?? others
    return { rateOf, rate: undefined }
  }
  const parsed = parseRate(rate as Rate)
  return { rateOf: () => parsed, rate: parsed }
}

/** Rates that functions return are few, and most of them text. */
function cached(parse: (rate: Rate) => TickRate): (rate: Rate) => TickRate {
  const known = new Map<Rate, TickRate>()
  return (rate) => {
    if (typeof rate === 'object') return parse(rate)
    let parsed = known.get(rate)
    if (parsed === undefined) {
      parsed = parse(rate)
      if (known.size < 1000) known.set(rate, parsed)
    }
    return parsed
  }
}
