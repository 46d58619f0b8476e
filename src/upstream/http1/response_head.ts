// Reads a response head from whatever reads deliver: status line, header lines, empty line; interim (1xx) heads are
// skipped. The usual head comes in one read and is parsed where it is; only an incomplete one is copied.

import { HeaderFields, SCAN_INVALID, SCAN_MORE } from '../../net/header_fields.ts'
import { STATUS_INVALID, STATUS_MORE, scanned, scanStatusLine } from './status_line.ts'

export const HEAD_MORE = 0
export const HEAD_DONE = 1
/** HTTP/0.9: what was read is body. */
export const HEAD_NONE = 2
/** `error` says why. */
export const HEAD_INVALID = 3

const EMPTY = Buffer.alloc(0)

export class ResponseHead {
  readonly fields = new HeaderFields()
  status = 0
  version = 0
  /** `200 OK` */
  statusLine = ''
  error = ''
  /** With HEAD_DONE and HEAD_NONE: the bytes that hold what follows, and where it begins. */
  rest: Buffer = EMPTY
  restStart = 0
  restEnd = 0
  #held: Buffer | undefined = undefined
  /** Where the current head begins in the bytes at hand; behind it, where scanning goes on. */
  #start = 0
  #pos = 0
  #statusRead = false
  #statusFrom = 0
  #statusTo = 0
  #sawInterim = false

  reset(): void {
    this.fields.reset()
    this.#held = undefined
    this.#start = 0
    this.#pos = 0
    this.#statusRead = false
    this.#sawInterim = false
  }

  /** Drops the reference to what was read. */
  releaseRest(): void {
    this.rest = EMPTY
  }

  /** Anything read so far, not counting complete interim heads? */
  get begun(): boolean {
    return this.#held !== undefined
  }

  /** Takes bytes pos..limit; `headLimit` bounds all heads of the response together. Returns a HEAD_* code. */
  feed(chunk: Buffer, from: number, to: number, headLimit: number): number {
    let bytes = chunk
    let limit = to
    if (this.#held === undefined) {
      this.#start = from
      this.#pos = from
    } else {
      bytes = Buffer.concat([this.#held, chunk.subarray(from, to)])
      limit = bytes.length
    }
    const origin = this.#held === undefined ? from : 0
    for (;;) {
      if (!this.#statusRead) {
        const next = scanStatusLine(bytes, this.#pos, limit)
        if (next === STATUS_MORE) return this.#more(bytes, origin, limit, headLimit)
        if (next === STATUS_INVALID) {
          if (this.#sawInterim) return this.#invalid('upstream sent no valid status line')
          return this.#found(HEAD_NONE, bytes, this.#start, limit)
        }
        this.status = scanned.status
        this.version = scanned.version
        this.#statusFrom = scanned.start - this.#start
        this.#statusTo = scanned.end - this.#start
        this.#statusRead = true
        this.#pos = next
      }
      const { fields } = this
      const code = fields.scan(bytes, this.#pos, limit, this.#start)
      this.#pos = this.#start + fields.next
      if (code === SCAN_MORE) return this.#more(bytes, origin, limit, headLimit)
      if (code === SCAN_INVALID) return this.#invalid(invalidLine(bytes, this.#pos, this.#start + fields.end))
      const end = this.#start + fields.end
      if (end - origin > headLimit) return this.#invalid('upstream sent too big header')
      if (this.status >= 100 && this.status < 200 && this.status !== 101) {
        this.#sawInterim = true
        fields.reset()
        this.#statusRead = false
        this.#start = end
        this.#pos = end
        continue
      }
      const text = bytes.latin1Slice(this.#start, end)
      fields.setText(text)
      this.statusLine = text.substring(this.#statusFrom, this.#statusTo)
      return this.#found(HEAD_DONE, bytes, end, limit)
    }
  }

  #found(code: number, bytes: Buffer, start: number, end: number): number {
    this.#held = undefined
    this.rest = bytes
    this.restStart = start
    this.restEnd = end
    return code
  }

  #more(bytes: Buffer, origin: number, limit: number, headLimit: number): number {
    if (limit - origin >= headLimit) return this.#invalid('upstream sent too big header')
    // The bytes are the socket's shared buffer, or a copy already.
    if (this.#held === undefined) {
      this.#held = Buffer.from(bytes.subarray(origin, limit))
      this.#start -= origin
      this.#pos -= origin
    } else this.#held = bytes
    return HEAD_MORE
  }

  #invalid(error: string): number {
    this.error = error
    return HEAD_INVALID
  }
}

/** The line up to and with the byte that makes it invalid. */
function invalidLine(bytes: Buffer, start: number, at: number): string {
  const hex = (bytes[at] as number).toString(16).padStart(2, '0')
  return `upstream sent invalid header: "${bytes.latin1Slice(start, at)}\\x${hex}..."`
}
