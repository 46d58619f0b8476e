// The first line of a response. Bytes that cannot begin a status line mean HTTP/0.9: the whole stream is the body.

const CR = 13
const LF = 10
const SPACE = 32
const DOT = 46
const SLASH_TEXT = 'HTTP/'

/** Not complete yet: scan again from the start when more bytes have come. */
export const STATUS_MORE = -1
/** Not a status line. */
export const STATUS_INVALID = -2

/** The last status line that was scanned; one object, since scanning is synchronous. */
export const scanned = {
  /** major * 1000 + minor. */
  version: 0,
  status: 0,
  /** Where the three digits begin, and where the text behind them ends, in the scanned bytes. */
  start: 0,
  end: 0,
}

/** Scans the line at `pos`. Returns where the next line begins, or a STATUS_* code. */
export function scanStatusLine(bytes: Uint8Array, pos: number, limit: number): number {
  let i = pos
  for (let k = 0; k < SLASH_TEXT.length; k++, i++) {
    if (i >= limit) return STATUS_MORE
    if (bytes[i] !== SLASH_TEXT.charCodeAt(k)) return STATUS_INVALID
  }
  let major = 0
  let minor = 0
  let digits = 0
  let c = 0
  for (; ; i++) {
    if (i >= limit) return STATUS_MORE
    c = bytes[i] as number
    if (!isDigit(c)) break
    if (++digits > 2) return STATUS_INVALID
    major = major * 10 + (c - 48)
  }
  if (c !== DOT || major === 0) return STATUS_INVALID
  digits = 0
  for (i++; ; i++) {
    if (i >= limit) return STATUS_MORE
    c = bytes[i] as number
    if (!isDigit(c)) break
    if (++digits > 3) return STATUS_INVALID
    minor = minor * 10 + (c - 48)
  }
  if (digits === 0 || c !== SPACE) return STATUS_INVALID
  while (i < limit && bytes[i] === SPACE) i++
  const start = i
  let status = 0
  for (; i < start + 3; i++) {
    if (i >= limit) return STATUS_MORE
    c = bytes[i] as number
    if (!isDigit(c)) return STATUS_INVALID
    status = status * 10 + (c - 48)
  }
  if (i >= limit) return STATUS_MORE
  c = bytes[i] as number
  // Some servers of old send `403.7`.
  if (c !== SPACE && c !== DOT && c !== CR && c !== LF) return STATUS_INVALID
  while (c !== CR && c !== LF) {
    if (++i >= limit) return STATUS_MORE
    c = bytes[i] as number
  }
  scanned.end = i
  if (c === CR) {
    if (++i >= limit) return STATUS_MORE
    if (bytes[i] !== LF) return STATUS_INVALID
  }
  scanned.version = major * 1000 + minor
  scanned.status = status
  scanned.start = start
  return i + 1
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}
