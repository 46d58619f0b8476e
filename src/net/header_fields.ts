// One head (a request's or a response's) as text plus offsets. The scanner works on the bytes as they came from the
// socket; the text is made once, when the head is complete, and everything else is a substring of it. Runs of unchanged
// lines are therefore passed on as one slice. Objects are used again: reset() before the next head.

import { HEADER_HASHES, HEADER_IDS, HEADER_NAMES, ID_TABLE, placeOf, UNKNOWN } from './header_names.ts'

/** Numbers stored per field: name start, name end, value start, value end, line end (behind LF), hash, id | CANONICAL. */
const STRIDE = 7
/** Set when the line is exactly `Name: value CRLF`, so that it can be copied as it is. */
const CANONICAL = 0x100

const CR = 13
const LF = 10
const SPACE = 32
const COLON = 58

/** The line is not complete yet: scan again from the same start when more bytes have come. */
export const SCAN_MORE = -1
/** The empty line: the head is complete. `end` is behind it. */
export const SCAN_END = -2
/** Not a header line: NUL, control byte, space in or before the name. `error` is where. */
export const SCAN_INVALID = -3

// What a byte may be in a field name: 0 refused, 1 fine, 2 underscore, 3 accepted by the grammar but makes the line "invalid".
const NAME_CLASS = new Uint8Array(256).fill(3)
for (let c = 0; c <= 0x20; c++) NAME_CLASS[c] = 0
NAME_CLASS[0x7f] = 0
NAME_CLASS[COLON] = 0
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-') NAME_CLASS[c.charCodeAt(0)] = 1
NAME_CLASS[0x5f] = 2

/** Bytes at which a value ends: CR, LF, and NUL, which is refused. */
const ENDS_VALUE = new Uint8Array(256)
ENDS_VALUE[CR] = 1
ENDS_VALUE[LF] = 1
ENDS_VALUE[0] = 1

/** Result of the last scanned name: 1 plain, 2 with underscore, 3 with other bytes. */
export const NAME_PLAIN = 1
export const NAME_UNDERSCORE = 2
export const NAME_ODD = 3

export class HeaderFields {
  /** The whole head in latin1, from its first line on; '' until `setText`. */
  text = ''
  /** Number of fields kept. */
  count = 0
  /** Behind the last line scanned, relative to the head's start. */
  end = 0
  /** Class of the name just scanned (NAME_*); the caller may drop the line with `dropLast`. */
  nameClass = NAME_PLAIN
  readonly #at: number[] = []
  /** Index of the first field with that id, or -1. */
  readonly #first = new Int16Array(HEADER_IDS).fill(-1)

  reset(): void {
    this.text = ''
    this.count = 0
    this.end = 0
    this.#first.fill(-1)
  }

  /** Called once when the head is complete: `text` must begin at the offset that scanning called `base`. */
  setText(text: string): void {
    this.text = text
  }

  /**
   * Scans one line at `pos` (absolute in `bytes`); offsets are stored relative to `base`. Returns the index of the field,
   * or a SCAN_* code. A line without colon is a field with an empty value, as in nginx.
   */
  scanLine(bytes: Uint8Array, pos: number, limit: number, base: number): number {
    let i = pos
    if (i >= limit) return SCAN_MORE
    let c = bytes[i] as number
    if (c === CR) {
      if (i + 1 >= limit) return SCAN_MORE
      if (bytes[i + 1] !== LF) {
        this.end = i - base
        return SCAN_INVALID
      }
      this.end = i + 2 - base
      return SCAN_END
    }
    if (c === LF) {
      this.end = i + 1 - base
      return SCAN_END
    }
    let hash = 0
    let worst = NAME_PLAIN
    for (;;) {
      const kind = NAME_CLASS[c] as number
      if (kind === 0) break
      if (kind > worst) worst = kind
      hash = (Math.imul(hash, 31) + (c | 0x20)) & 0x3fffffff
      if (++i >= limit) return SCAN_MORE
      c = bytes[i] as number
    }
    const nameEnd = i
    let valueStart = i
    let valueEnd = i
    let canonical = 0
    if (c === COLON && nameEnd > pos) {
      i++
      while (i < limit && bytes[i] === SPACE) i++
      valueStart = i
      const oneSpace = i === nameEnd + 2
      while (i < limit && ENDS_VALUE[bytes[i] as number] === 0) i++
      if (i >= limit) return SCAN_MORE
      c = bytes[i] as number
      if (c === 0) {
        this.end = i - base
        return SCAN_INVALID
      }
      valueEnd = i
      while (valueEnd > valueStart && bytes[valueEnd - 1] === SPACE) valueEnd--
      if (oneSpace && valueEnd === i && c === CR) canonical = CANONICAL
    } else if ((c !== CR && c !== LF) || nameEnd === pos) {
      this.end = i - base
      return SCAN_INVALID
    }
    // The end of the line: any number of CR, then LF.
    if (c === CR) {
      let crs = 0
      while (c === CR) {
        crs++
        if (++i >= limit) return SCAN_MORE
        c = bytes[i] as number
      }
      if (c !== LF) {
        this.end = i - base
        return SCAN_INVALID
      }
      if (crs > 1) canonical = 0
    }
    const lineEnd = i + 1
    const index = this.count++
    const at = this.#at
    const k = index * STRIDE
    at[k] = pos - base
    at[k + 1] = nameEnd - base
    at[k + 2] = valueStart - base
    at[k + 3] = valueEnd - base
    at[k + 4] = lineEnd - base
    at[k + 5] = hash
    let id = ID_TABLE[placeOf(hash)] as number
    if (id !== UNKNOWN) {
      if (hash !== HEADER_HASHES[id] || !equalsName(bytes, pos, nameEnd, HEADER_NAMES[id] as string)) id = UNKNOWN
      else if (this.#first[id] === -1) this.#first[id] = index
    }
    at[k + 6] = id | canonical
    this.nameClass = worst
    this.end = lineEnd - base
    return index
  }

  /** Forgets the field just scanned (an invalid header line that is to be ignored). Its line breaks the run around it. */
  dropLast(): void {
    const index = --this.count
    const id = (this.#at[index * STRIDE + 6] as number) & 0xff
    if (id !== UNKNOWN && this.#first[id] === index) this.#first[id] = -1
  }

  /** Index of the first field with a known id, or -1. */
  first(id: number): number {
    return this.#first[id] as number
  }

  id(index: number): number {
    return (this.#at[index * STRIDE + 6] as number) & 0xff
  }

  hash(index: number): number {
    return this.#at[index * STRIDE + 5] as number
  }

  name(index: number): string {
    const k = index * STRIDE
    return this.text.substring(this.#at[k] as number, this.#at[k + 1] as number)
  }

  value(index: number): string {
    const k = index * STRIDE
    return this.text.substring(this.#at[k + 2] as number, this.#at[k + 3] as number)
  }

  valueLength(index: number): number {
    const k = index * STRIDE
    return (this.#at[k + 3] as number) - (this.#at[k + 2] as number)
  }

  /** True when lineStart..lineEnd of the text is `Name: value CRLF` to the byte. */
  isCanonical(index: number): boolean {
    return ((this.#at[index * STRIDE + 6] as number) & CANONICAL) !== 0
  }

  lineStart(index: number): number {
    return this.#at[index * STRIDE] as number
  }

  lineEnd(index: number): number {
    return this.#at[index * STRIDE + 4] as number
  }

  /** Value of the first field with a known id, or undefined. */
  known(id: number): string | undefined {
    const index = this.#first[id] as number
    return index < 0 ? undefined : this.value(index)
  }

  /** Index of the next field called `lowerName` at or behind `from`, or -1. */
  find(lowerName: string, hash: number, from: number): number {
    for (let i = from; i < this.count; i++) {
      if (this.hash(i) === hash && this.name(i).toLowerCase() === lowerName) return i
    }
    return -1
  }

  /** All values of a name joined by `separator`, or undefined when there is none. */
  joined(lowerName: string, hash: number, separator: string): string | undefined {
    let i = this.find(lowerName, hash, 0)
    if (i < 0) return undefined
    let value = this.value(i)
    for (i = this.find(lowerName, hash, i + 1); i >= 0; i = this.find(lowerName, hash, i + 1)) {
      value += separator + this.value(i)
    }
    return value
  }
}

function equalsName(bytes: Uint8Array, start: number, end: number, lowerName: string): boolean {
  if (end - start !== lowerName.length) return false
  for (let i = start, j = 0; i < end; i++, j++) {
    const c = bytes[i] as number
    const lower = c >= 65 && c <= 90 ? c | 0x20 : c
    if (lower !== lowerName.charCodeAt(j)) return false
  }
  return true
}
