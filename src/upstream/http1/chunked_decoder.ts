// Decoder of the chunked transfer coding, fed with whatever reads deliver. Strict: what is ambiguous (a bare LF, a missing
// size, anything but CRLF behind the data) is an error, since guessing there is how messages get smuggled. Never copies:
// data is reported as a range of the bytes that were given.

/** dataStart..dataEnd is body data; call again. */
export const CHUNK_DATA = 0
/** All given bytes are used up. */
export const CHUNK_MORE = 1
/** The last chunk and the trailers are complete; `pos` is behind them. */
export const CHUNK_END = 2
export const CHUNK_ERROR = 3

const SIZE_START = 0
const SIZE = 1
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILER_START = 7
const TRAILER_LINE = 8
const TRAILER_LF = 9
const LAST_LF = 10
const DONE = 11
const FAILED = 12

const CR = 13
const LF = 10
const TAB = 9
const SPACE = 32
const SEMICOLON = 59

/** Bytes of extensions in one chunk head; nobody uses them. */
const MAX_EXTENSION = 4096
/** 2^48: far above any body, and exact in a double. */
const MAX_SIZE = 2 ** 48

export class ChunkedDecoder {
  /** Next byte to look at, after each call of `next`. */
  pos = 0
  dataStart = 0
  dataEnd = 0
  /** Trailer lines, each with its CRLF, when CHUNK_END was returned. */
  trailers = ''
  #state = SIZE_START
  /** Of the chunk: bytes that are still to come. */
  #left = 0
  #extension = 0
  readonly #trailerLimit: number

  /** `trailerLimit`: bytes of the trailer section. */
  constructor(trailerLimit: number) {
    this.#trailerLimit = trailerLimit
  }

  reset(): void {
    this.trailers = ''
    this.#state = SIZE_START
    this.#left = 0
    this.#extension = 0
  }

  /** Decodes from `pos` on; returns a CHUNK_* code. After CHUNK_END and CHUNK_ERROR only reset() may follow. */
  next(bytes: Buffer, limit: number): number {
    let i = this.pos
    let state = this.#state
    let trailerStart = i
    while (i < limit) {
      const c = bytes[i] as number
      switch (state) {
        case SIZE_START:
        case SIZE: {
          const digit = hexDigit(c)
          if (digit >= 0) {
            this.#left = this.#left * 16 + digit
            if (this.#left > MAX_SIZE) return this.#fail(i)
            state = SIZE
          } else if (state === SIZE_START) return this.#fail(i)
          else if (c === CR) state = SIZE_LF
          else if (c === SEMICOLON || c === SPACE || c === TAB) state = EXTENSION
          else return this.#fail(i)
          i++
          break
        }
        case EXTENSION:
          if (c === CR) state = SIZE_LF
          else if (c === LF || ++this.#extension > MAX_EXTENSION) return this.#fail(i)
          i++
          break
        case SIZE_LF:
          if (c !== LF) return this.#fail(i)
          i++
          this.#extension = 0
          if (this.#left > 0) state = DATA
          else {
            state = TRAILER_START
            trailerStart = i
          }
          break
        case DATA: {
          const size = Math.min(this.#left, limit - i)
          this.#left -= size
          this.dataStart = i
          this.dataEnd = i + size
          this.pos = i + size
          this.#state = this.#left === 0 ? DATA_CR : DATA
          return CHUNK_DATA
        }
        case DATA_CR:
          if (c !== CR) return this.#fail(i)
          i++
          state = DATA_LF
          break
        case DATA_LF:
          if (c !== LF) return this.#fail(i)
          i++
          state = SIZE_START
          break
        case TRAILER_START:
          if (c === CR) {
            this.#keepTrailers(bytes, trailerStart, i)
            trailerStart = i + 1
            state = LAST_LF
          } else if (c < SPACE) return this.#fail(i)
          else state = TRAILER_LINE
          i++
          break
        case TRAILER_LINE:
          if (c === CR) state = TRAILER_LF
          else if (c === LF || c === 0) return this.#fail(i)
          i++
          break
        case TRAILER_LF:
          if (c !== LF) return this.#fail(i)
          i++
          state = TRAILER_START
          break
        case LAST_LF:
          if (c !== LF) return this.#fail(i)
          this.pos = i + 1
          this.#state = DONE
          return CHUNK_END
        default:
          return CHUNK_ERROR
      }
    }
    if (state >= TRAILER_START && state < LAST_LF) {
      this.#keepTrailers(bytes, trailerStart, i)
      if (this.trailers.length > this.#trailerLimit) return this.#fail(i)
    }
    this.pos = i
    this.#state = state
    return CHUNK_MORE
  }

  #keepTrailers(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.trailers += bytes.latin1Slice(start, end)
  }

  #fail(pos: number): number {
    this.pos = pos
    this.#state = FAILED
    return CHUNK_ERROR
  }
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48
  const lower = c | 0x20
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
