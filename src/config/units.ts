// Numbers with units as the configuration writes them: plain integers, sizes, offsets and times. Every function returns
// undefined for whatever nginx refuses; the caller knows its text. Limits are those of nginx's 64-bit integers and are
// checked exactly (hence BigInt); a result above 2^53 is rounded, which no directive can notice.

/** Largest value of nginx's signed 64-bit types. */
const MAX = 2n ** 63n - 1n

const KILO = 1024n
const SIZE_UNITS: Readonly<Record<string, bigint>> = { k: KILO, m: KILO ** 2n }
const OFFSET_UNITS: Readonly<Record<string, bigint>> = { ...SIZE_UNITS, g: KILO ** 3n }

/** Decimal digits only: no sign, no blanks. */
export function parseInteger(text: string): number | undefined {
  return toNumber(parseDigits(text))
}

/** Bytes: digits with an optional k or m (either case). */
export function parseSize(text: string): number | undefined {
  return toNumber(parseScaled(text, SIZE_UNITS))
}

/** Bytes in a file: as a size, and g. */
export function parseOffset(text: string): number | undefined {
  return toNumber(parseScaled(text, OFFSET_UNITS))
}

/** Milliseconds: `1h30m`, `500ms`, `90` (seconds). Units from weeks down to ms, each at most once. */
export function parseTimeMs(text: string): number | undefined {
  return toNumber(parseTime(text, TIME_MS))
}

/** Seconds: as above, from years (`y`) and months (`M`) down to s. */
export function parseTimeSec(text: string): number | undefined {
  return toNumber(parseTime(text, TIME_SEC))
}

function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}

function parseDigits(text: string): bigint | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined
  const value = BigInt(text)
  return value > MAX ? undefined : value
}

function parseScaled(text: string, units: Readonly<Record<string, bigint>>): bigint | undefined {
  const scale = units[text.slice(-1).toLowerCase()]
  if (scale === undefined) return parseDigits(text)
  const value = parseDigits(text.slice(0, -1))
  return value === undefined || value > MAX / scale ? undefined : value * scale
}

interface TimeFormat {
  /** Units that may be written, from the largest to the smallest, with their length in the unit of the result. */
  readonly units: readonly (readonly [name: string, length: bigint])[]
  /** Length of a second, the unit of a number without one. */
  readonly second: bigint
}

const MINUTE = 60n
const HOUR = 60n * MINUTE
const DAY = 24n * HOUR
const UNITS_IN_SECONDS = [
  ['w', 7n * DAY],
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', 1n],
] as const

const TIME_SEC: TimeFormat = {
  units: [['y', 365n * DAY], ['M', 30n * DAY], ...UNITS_IN_SECONDS],
  second: 1n,
}
const TIME_MS: TimeFormat = {
  units: [...UNITS_IN_SECONDS.map(([name, seconds]) => [name, seconds * 1000n] as const), ['ms', 1n]],
  second: 1000n,
}

/**
 * A blank behind a number is the unit "seconds" too, and the last one; blanks behind a unit are passed over. nginx lets
 * the number before a unit be missing as long as there is a digit somewhere, and so does this.
 */
function parseTime(text: string, { units, second }: TimeFormat): bigint | undefined {
  if (!/[0-9]/.test(text)) return undefined
  const secondRank = units.findIndex(([name]) => name === 's')
  const part = /([0-9]*)(ms|[a-zA-Z]| ) */y
  let total = 0n
  let lastRank = -1
  let end = 0
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    const [, digits = '', name = ''] = match
    const isBlank = name === ' '
    const rank = isBlank ? secondRank : units.findIndex(([unit]) => unit === name)
    if (rank <= lastRank) return undefined
    lastRank = isBlank ? units.length : rank
    const value = digits === '' ? 0n : parseDigits(digits)
    if (value === undefined) return undefined
    total += value * (units[rank]?.[1] ?? second)
    if (total > MAX) return undefined
    end = part.lastIndex
  }
  if (end === text.length) return total
  const seconds = parseDigits(text.slice(end))
  if (seconds === undefined) return undefined
  total += seconds * second
  return total > MAX ? undefined : total
}
