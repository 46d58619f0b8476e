// Where the body of a response ends, for all ways of saying so. Reports ranges of the bytes that it is given, one call a
// range, like ChunkedDecoder, which it uses.

import { CHUNK_DATA, CHUNK_END, CHUNK_MORE, ChunkedDecoder } from './chunked_decoder.ts'
import { BY_CHUNKS, BY_LENGTH, NO_BODY, UNTIL_CLOSE } from './framing.ts'

export class ResponseBody {
  /** Next byte to look at; set before the first call for new bytes. */
  pos = 0
  dataStart = 0
  dataEnd = 0
  #kind = NO_BODY
  /** BY_LENGTH: bytes to come. */
  #left = 0
  #decoder: ChunkedDecoder | undefined = undefined
  readonly #trailerLimit: number

  /** `trailerLimit`: bytes of a trailer section. */
  constructor(trailerLimit: number) {
    this.#trailerLimit = trailerLimit
  }

  /** A new body, framed as framing.ts says. */
  begin(kind: number, contentLength: number): void {
    this.#kind = kind
    this.#left = kind === BY_LENGTH ? contentLength : 0
    if (kind === BY_CHUNKS) {
      this.#decoder ??= new ChunkedDecoder(this.#trailerLimit)
      this.#decoder.reset()
    }
  }

  /** Looks at bytes pos..limit; returns a CHUNK_* code. */
  next(bytes: Buffer, limit: number): number {
    if (this.#kind === BY_CHUNKS) return this.#nextChunk(this.#decoder as ChunkedDecoder, bytes, limit)
    const from = this.pos
    if (this.#kind === UNTIL_CLOSE) {
      if (from === limit) return CHUNK_MORE
      this.#report(from, limit)
      return CHUNK_DATA
    }
    if (this.#left === 0) return CHUNK_END
    if (from === limit) return CHUNK_MORE
    const size = Math.min(this.#left, limit - from)
    this.#left -= size
    this.#report(from, from + size)
    return CHUNK_DATA
  }

  /** True when the end of the connection is the end of this body. */
  get endsWithConnection(): boolean {
    return this.#kind === UNTIL_CLOSE
  }

  /** Trailer lines, once the body has ended. */
  get trailers(): string {
    return this.#kind === BY_CHUNKS ? (this.#decoder?.trailers ?? '') : ''
  }

  /** What is wrong with bytes behind the end. */
  get extraText(): string {
    return this.#kind === BY_CHUNKS
      ? 'upstream sent data after final chunk'
      : 'upstream sent more data than specified in "Content-Length" header'
  }

  #nextChunk(decoder: ChunkedDecoder, bytes: Buffer, limit: number): number {
    decoder.pos = this.pos
    const code = decoder.next(bytes, limit)
    this.dataStart = decoder.dataStart
    this.dataEnd = decoder.dataEnd
    this.pos = decoder.pos
    return code
  }

  #report(start: number, end: number): void {
    this.dataStart = start
    this.dataEnd = end
    this.pos = end
  }
}
