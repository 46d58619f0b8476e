// What users pass in, checked once: a wrong value is an error when a zone or a limit is opened, never a default. Checks
// on requests only refuse what cannot be meant (a key that is neither text nor bytes, half a request).

import { TICKS } from './bucket.ts'
import { MAX_PERIOD_MS, MAX_TICKS, parseRate, type TickRate } from './rate.ts'
import type { CheckOptions, Key, LimitOptions, Rate, WindowOptions } from './types.ts'

export const DEFAULT_SIZE_BYTES = 1024 * 1024
/** Of a key together with the name of its limit. */
export const MAX_KEY_BYTES = 65535

/** Decided together; as with a location of the proxy. */
export const MAX_LIMITS = 16

/** A zone's name is a file's name. */
export function checkZoneName(name: string): void {
  if (typeof name !== 'string') throw new TypeError(`a zone's name is text, not ${typeof name}`)
  if (!/^(?!\.)[A-Za-z0-9._-]{1,100}$/.test(name)) {
    throw new RangeError(`invalid zone name "${name}": up to 100 of A-Z a-z 0-9 . _ - and no dot in front`)
  }
}

/** Bytes, or nginx's `64k`, `10m`. */
export function parseSizeBytes(size: number | string): number {
  const match = typeof size === 'string' ? /^([0-9]{1,12})([kKmM]?)$/.exec(size) : undefined
  const unit = { k: 1024, m: 1024 * 1024 }[match?.[2]?.toLowerCase() ?? ''] ?? 1
  const bytes = typeof size === 'number' ? size : match ? Number(match[1]) * unit : Number.NaN
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new RangeError(`invalid zone size "${size}"`)
  return bytes
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
  const { windowMs } = options
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
