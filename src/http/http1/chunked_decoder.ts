// Decoder of chunked request bodies, strict: CRLF only, no whitespace before sizes (behind one an extension begins, as in
// nginx), bounded extensions and trailers. Pull style: each call consumes up to one piece of data, so that whoever feeds it
// can stop in the middle.

export const CHUNK_MORE = 0
/** `dataStart`..`dataEnd` is body data. */
export const CHUNK_DATA = 1
export const CHUNK_END = 2
export const CHUNK_ERROR = 3

const CR = 13
const LF = 10

/** Bytes of one size line with its extension, and of all trailers. */
const MAX_LINE = 4096
const MAX_TRAILERS = 16 * 1024

const SIZE_START = 0
const SIZE = 1
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILER_START = 7
const TRAILER = 8
const TRAILER_LF = 9
const LAST_LF = 10
const ENDED = 11

export class ChunkedDecoder {
  /** Behind what was consumed. */
  pos = 0
  dataStart = 0
  dataEnd = 0
  #state = SIZE_START
  #left = 0
  #line = 0
  #trailers = 0

  reset(): void {
    this.#state = SIZE_START
    this.#left = 0
    this.#line = 0
    this.#trailers = 0
  }

  /** Consumes bytes from `pos` on; returns CHUNK_*. */
  next(bytes: Uint8Array, pos: number, end: number): number {
    let i = pos
    for (; i < end; i++) {
      const c = bytes[i] as number
      switch (this.#state) {
        case SIZE_START:
        case SIZE: {
          const digit = hexDigit(c)
          if (digit >= 0) {
            this.#left = this.#left * 16 + digit
            if (this.#left > Number.MAX_SAFE_INTEGER || ++this.#line > 32) return CHUNK_ERROR
            this.#state = SIZE
            break
          }
          if (this.#state === SIZE_START) return CHUNK_ERROR
          if (c === CR) this.#state = SIZE_LF
          else if (c === 0x3b || c === 0x20 || c === 0x09) this.#state = EXTENSION
          else return CHUNK_ERROR
          break
        }
        case EXTENSION:
          if (c === CR) this.#state = SIZE_LF
          else if (c === LF || c === 0 || ++this.#line > MAX_LINE) return CHUNK_ERROR
          break
        case SIZE_LF:
          if (c !== LF) return CHUNK_ERROR
          this.#line = 0
          this.#state = this.#left === 0 ? TRAILER_START : DATA
          break
        case DATA: {
          const n = Math.min(this.#left, end - i)
          this.#left -= n
          this.dataStart = i
          this.dataEnd = i + n
          this.pos = i + n
          if (this.#left === 0) this.#state = DATA_CR
          return CHUNK_DATA
        }
        case DATA_CR:
          if (c !== CR) return CHUNK_ERROR
          this.#state = DATA_LF
          break
        case DATA_LF:
          if (c !== LF) return CHUNK_ERROR
          this.#state = SIZE_START
          break
        case TRAILER_START:
          this.#state = c === CR ? LAST_LF : TRAILER
          if (c === LF) return CHUNK_ERROR
          break
        case TRAILER:
          if (c === CR) this.#state = TRAILER_LF
          else if (c === LF || c === 0 || ++this.#trailers > MAX_TRAILERS) return CHUNK_ERROR
          break
        case TRAILER_LF:
          if (c !== LF) return CHUNK_ERROR
          this.#state = TRAILER_START
          break
        case LAST_LF:
          if (c !== LF) return CHUNK_ERROR
          this.#state = ENDED
          this.pos = i + 1
          return CHUNK_END
        default:
          return CHUNK_ERROR
      }
    }
    this.pos = i
    return CHUNK_MORE
  }
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const lower = c | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
