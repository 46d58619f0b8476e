import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CHUNK_DATA,
  CHUNK_END,
  CHUNK_ERROR,
  CHUNK_MORE,
  ChunkedDecoder,
} from '../../../src/http/http1/chunked_decoder.ts'

/** Feeds `text` in pieces of the given sizes; returns the body, or undefined on an error, and where the body ended. */
function decode(text: string, sizes: readonly number[] = [text.length]): { body: string; end: number } | undefined {
  const bytes = Buffer.from(text, 'latin1')
  const decoder = new ChunkedDecoder()
  let body = ''
  let limit = 0
  let pos = 0
  for (let piece = 0; limit < bytes.length; piece++) {
    limit = Math.min(bytes.length, limit + (sizes[piece % sizes.length] ?? 1))
    while (pos < limit) {
      const result = decoder.next(bytes, pos, limit)
      if (result === CHUNK_ERROR) return undefined
      pos = decoder.pos
      if (result === CHUNK_DATA) body += bytes.latin1Slice(decoder.dataStart, decoder.dataEnd)
      if (result === CHUNK_END) return { body, end: pos }
      if (result === CHUNK_MORE) break
    }
  }
  return { body, end: -1 }
}

describe('ChunkedDecoder', () => {
  it('decodes chunks, extensions and trailers, and stops behind them', () => {
    const text = '5\r\nhello\r\nA ;x="y"\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET'
    expect(decode(text)).toEqual({ body: 'hello0123456789', end: text.indexOf('GET') })
  })

  it.each([
    ['no digits', '\r\n'],
    ['a sign', '+5\r\nhello\r\n'],
    ['a 0x prefix', '0x5\r\nhello\r\n'],
    ['a bare LF behind the size', '5\nhello\r\n'],
    ['a bare LF in an extension', '5;a\nhello\r\n'],
    ['a chunk longer than its size', '4\r\nhello\r\n'],
    ['a missing CR behind the data', '5\r\nhello\n'],
    ['a size beyond all bounds', 'fffffffffffffffff\r\n'],
    ['a leading space', ' 5\r\nhello\r\n'],
    ['a bare LF behind the last chunk', '0\r\n\n'],
  ])('refuses %s', (_name, text) => {
    expect(decode(text)).toBeUndefined()
  })

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (parts, sizes) => {
          const ascii = parts.map((part) => part.replace(/[^\x20-\x7e]/g, '.'))
          const text = `${ascii.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
          expect(decode(text, sizes)).toEqual({ body: ascii.join(''), end: text.length })
        },
      ),
    )
  })
})
