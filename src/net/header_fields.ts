// One head (a request's or a response's) as text plus offsets. The lines are split natively, in the bytes as they came from
// the socket; the text is made once, when the head is complete, and everything else is a substring of it. Runs of
// unchanged lines are therefore passed on as one slice. Objects are used again: reset() before the next head.

import { addon } from '../native/addon.ts'
import { HEADER_NAMES, UNKNOWN } from './header_names.ts'

/** Numbers per field: name start, name end, value start, value end, line end (behind LF), hash, and id with flags. */
const STRIDE = 7
const ID_MASK = 0xff
/** Set when the line is exactly `Name: value CRLF`, so that it can be copied as it is. */
const CANONICAL = 0x100
const KIND_SHIFT = 9

// The table of a head (native/core/header_scan.h): what the last scan said, and all lines so far.
const CODE = 0
const END = 1
const NEXT = 2
const COUNT = 3
const ODDEST = 4
const REPEATS = 5
/** Index of the first field with an id, or -1; of use while there are fields. */
const FIRST = 6
const FIRST_IDS = 64
const LINES = FIRST + FIRST_IDS

/** A table has room for so many lines, and is replaced by a larger one when a head has more. */
const USUAL_LINES = 24
const TABLE_NUMBERS = LINES + USUAL_LINES * STRIDE

const scanHeader = addon.createHeaderScanner(HEADER_NAMES)

/** The table of the scanner is full. */
const SCAN_FULL = 0
/** The line at `next` is not complete yet: scan again from there when more bytes have come. */
export const SCAN_MORE = -1
/** The empty line: the head is complete. `end` is behind it. */
export const SCAN_END = -2
/** The line at `next` is no header line: NUL, control byte, space in or before the name. `end` is where. */
export const SCAN_INVALID = -3

/** Kinds of names: as they should be, with underscores, with other bytes. */
export const NAME_PLAIN = 1
export const NAME_UNDERSCORE = 2
export const NAME_ODD = 3

export class HeaderFields {
  /** The whole head in latin1, from its first line on; '' until `setText`. */
  text = ''
  /** Number of fields kept. */
  count = 0
  /** Of the last scan, relative to the head's start: where its code applies. */
  end = 0
  /** Behind the last complete line, where scanning goes on. */
  next = 0
  /** The oddest kind of the names (NAME_*). */
  oddest = NAME_PLAIN
  /** Some known name occurs more than once. */
  repeats = false
  #table = new Int32Array(TABLE_NUMBERS)

  reset(): void {
    this.text = ''
    this.count = 0
    this.end = 0
    this.next = 0
    this.oddest = NAME_PLAIN
    this.repeats = false
    // One head with many lines is no reason to keep room for as many.
    if (this.#table.length > TABLE_NUMBERS) this.#table = new Int32Array(TABLE_NUMBERS)
    this.#table[COUNT] = 0
  }

  /** Called once when the head is complete: `text` must begin at the offset that scanning called `base`. */
  setText(text: string): void {
    this.text = text
  }

  /**
   * Scans lines from `pos` (absolute in `bytes`) on and adds their fields; offsets are stored relative to `base`. Returns a
   * SCAN_* code. A line without colon is a field with an empty value, as in nginx.
   */
  scan(bytes: Buffer, pos: number, limit: number, base: number): number {
    let from = pos
    for (;;) {
      const table = this.#table
      this.count = scanHeader(bytes, from, limit, base, table)
      if (this.count < 0) throw new RangeError(`a head at ${base}, ${from}..${limit} of ${bytes.length} bytes`)
      this.end = table[END] as number
      this.next = table[NEXT] as number
      this.oddest = table[ODDEST] as number
      this.repeats = table[REPEATS] !== 0
      const code = table[CODE] as number
      if (code !== SCAN_FULL) return code
      from = base + this.next
      this.#table = new Int32Array(LINES + 2 * this.count * STRIDE)
      this.#table.set(table)
    }
  }

  /**
   * Puts a field into the place of another, which is forgotten: so the fields that stay close up before truncate(). Lines that
   * are no neighbours any more are no run either.
   */
  move(from: number, to: number): void {
    if (from === to) return
    const at = LINES + from * STRIDE
    this.#table.copyWithin(LINES + to * STRIDE, at, at + STRIDE)
  }

  /** Forgets the fields from `count` on. */
  truncate(count: number): void {
    if (count >= this.count) return
    const table = this.#table
    this.count = count
    this.repeats = false
    table.fill(-1, FIRST, LINES)
    for (let i = 0; i < count; i++) {
      const id = this.id(i)
      if (id === UNKNOWN) continue
      if (table[FIRST + id] === -1) table[FIRST + id] = i
      else this.repeats = true
    }
    table[COUNT] = count
    table[REPEATS] = this.repeats ? 1 : 0
  }

  /** Index of the first field with a known id, or -1. */
  first(id: number): number {
    return this.count === 0 ? -1 : (this.#table[FIRST + id] as number)
  }

  id(index: number): number {
    return (this.#table[LINES + index * STRIDE + 6] as number) & ID_MASK
  }

  /** Kind of the name (NAME_*). */
  kind(index: number): number {
    return (this.#table[LINES + index * STRIDE + 6] as number) >> KIND_SHIFT
  }

  hash(index: number): number {
    return this.#table[LINES + index * STRIDE + 5] as number
  }

  name(index: number): string {
    const k = LINES + index * STRIDE
    return this.text.substring(this.#table[k] as number, this.#table[k + 1] as number)
  }

  value(index: number): string {
    const k = LINES + index * STRIDE
    return this.text.substring(this.#table[k + 2] as number, this.#table[k + 3] as number)
  }

  valueLength(index: number): number {
    const k = LINES + index * STRIDE
    return (this.#table[k + 3] as number) - (this.#table[k + 2] as number)
  }

  /** True when lineStart..lineEnd of the text is `Name: value CRLF` to the byte. */
  isCanonical(index: number): boolean {
    return ((this.#table[LINES + index * STRIDE + 6] as number) & CANONICAL) !== 0
  }

  lineStart(index: number): number {
    return this.#table[LINES + index * STRIDE] as number
  }

  lineEnd(index: number): number {
    return this.#table[LINES + index * STRIDE + 4] as number
  }

  /** Value of the first field with a known id, or undefined. */
  known(id: number): string | undefined {
    const index = this.first(id)
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
