// Rates as users write them, and as the arithmetic of a bucket needs them: whole ticks (thousandths of a request) in a
// whole number of milliseconds. `r/s` and `r/m` are truncated to ticks per second as nginx does it, so that the same text
// means the same here and in nginx.conf; slower rates keep their period, or 1r/d would be 0.

import type { Rate } from './types.ts'

/** `ticks` drain in `periodMs`. Both are whole numbers from 1; their product with a second is below 2^63. */
export interface TickRate {
  readonly ticks: number
  readonly periodMs: number
}

/** As in native/core (kMaxTicks): the sums of the arithmetic cannot overflow below it. */
export const MAX_TICKS = 2 ** 53

/** Longest period and longest window (kMaxPeriodMs): some 280 years. */
export const MAX_PERIOD_MS = 2 ** 43 - 1

const SECOND_MS = 1000
const UNITS: Readonly<Record<string, TickRate>> = {
  s: { ticks: 1000, periodMs: SECOND_MS },
  m: { ticks: 1000, periodMs: 60 * SECOND_MS },
  h: { ticks: 1000, periodMs: 3600 * SECOND_MS },
  d: { ticks: 1000, periodMs: 86400 * SECOND_MS },
}

/** @throws TypeError or RangeError that names the value */
export function parseRate(rate: Rate): TickRate {
  const parsed = typeof rate === 'string' ? parseText(rate) : fromNumbers(rate as unknown)
  if (parsed === undefined || !(parsed.ticks >= 1) || parsed.ticks > MAX_TICKS) {
    throw new RangeError(`invalid rate ${describe(rate)}: 10r/s, 5r/m, 100r/h, 1000r/d, or a number per second`)
  }
  return parsed
}

function parseText(text: string): TickRate | undefined {
  const match = /^([0-9]{1,15})r\/([smhd])$/.exec(text)
  const unit = UNITS[match?.[2] ?? '']
  if (match === null || unit === undefined) return undefined
  const ticks = Number(match[1]) * unit.ticks
  if (unit.periodMs > 60 * SECOND_MS) return { ticks, periodMs: unit.periodMs }
  return { ticks: Math.floor((ticks * SECOND_MS) / unit.periodMs), periodMs: SECOND_MS }
}

function fromNumbers(rate: unknown): TickRate | undefined {
  if (typeof rate === 'number') return { ticks: Math.floor(rate * 1000), periodMs: SECOND_MS }
  if (typeof rate !== 'object' || rate === null) return undefined
  const { requests, periodMs } = rate as Exclude<Rate, string | number>
  if (!Number.isSafeInteger(periodMs) || periodMs < 1 || periodMs > MAX_PERIOD_MS) return undefined
  return { ticks: Math.floor(requests * 1000), periodMs }
}

function describe(rate: unknown): string {
  if (typeof rate === 'string') return `"${rate}"`
  return typeof rate === 'object' ? JSON.stringify(rate) : String(rate)
}
