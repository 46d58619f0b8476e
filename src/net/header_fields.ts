// One head (a request's or a response's) as text plus offsets. The lines are split natively, in the bytes as they came from
// the socket; the text is made once, when the head is complete, and everything else is a substring of it. Runs of
// unchanged lines are therefore passed on as one slice. Objects are used again: reset() before the next head.

import { addon } from '../native/addon.ts'
import { HEADER_IDS, HEADER_NAMES, UNKNOWN } from './header_names.ts'

/** Numbers per field: name start, name end, value start, value end, line end (behind LF), hash, and id with flags. */
const STRIDE = 7
const ID_MASK = 0xff
/** Set when the line is exactly `Name: value CRLF`, so that it can be copied as it is. */
const CANONICAL = 0x100
const KIND_SHIFT = 9

/** There is room for so many lines in one call of the scanner; heads with more take several. */
const LINES_PER_SCAN = 128
/** What the scanner says in front of the lines: code, end, next. */
const TABLE_HEAD = 3
const table = new Int32Array(TABLE_HEAD + LINES_PER_SCAN * STRIDE)
const scanHeader = addon.createHeaderScanner(HEADER_NAMES, table)

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
  readonly #at: number[] = []
  /** Index of the first field with that id, or -1. */
  readonly #first = new Int16Array(HEADER_IDS).fill(-1)

  reset(): void {
    this.text = ''
    this.count = 0
    this.end = 0
    this.next = 0
    this.oddest = NAME_PLAIN
    this.repeats = false
    this.#first.fill(-1)
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
      this.#add(scanHeader(bytes, from, limit, base))
      const code = table[0] as number
      this.end = table[1] as number
      this.next = table[2] as number
      if (code !== SCAN_FULL) return code
      from = base + this.next
    }
  }

  /** The first `lines` of the table become fields. */
  #add(lines: number): void {
    const at = this.#at
    let to = this.count * STRIDE
    for (let i = 0, from = TABLE_HEAD; i < lines; i++, from += STRIDE) {
      for (let k = 0; k < STRIDE; k++) at[to + k] = table[from + k] as number
      const flags = at[to + STRIDE - 1] as number
      const kind = flags >> KIND_SHIFT
      if (kind > this.oddest) this.oddest = kind
      this.#noteFirst(flags & ID_MASK, this.count++)
      to += STRIDE
    }
  }

  #noteFirst(id: number, index: number): void {
    if (id === UNKNOWN) return
    if (this.#first[id] === -1) this.#first[id] = index
    else this.repeats = true
  }

  /** Forgets a field (an invalid header line that is to be ignored). Its line breaks the run around it. */
  drop(index: number): void {
    this.#at.splice(index * STRIDE, STRIDE)
    this.#keep(this.count - 1)
  }

  /** Forgets the fields from `count` on. */
  truncate(count: number): void {
    this.#keep(Math.min(count, this.count))
  }

  #keep(count: number): void {
    this.count = count
    this.repeats = false
    this.#first.fill(-1)
    for (let i = 0; i < count; i++) this.#noteFirst(this.id(i), i)
  }

  /** Index of the first field with a known id, or -1. */
  first(id: number): number {
    return this.#first[id] as number
  }

  id(index: number): number {
    return (this.#at[index * STRIDE + 6] as number) & ID_MASK
  }

  /** Kind of the name (NAME_*). */
  kind(index: number): number {
    return (this.#at[index * STRIDE + 6] as number) >> KIND_SHIFT
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
