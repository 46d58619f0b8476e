import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CHUNK_DATA,
  CHUNK_END,
  CHUNK_ERROR,
  CHUNK_MORE,
  ChunkedDecoder,
} from '../../../../src/upstream/http1/chunked_decoder.ts'

interface Decoded {
  body: string
  trailers: string
  code: number
  /** Bytes that were left behind the end. */
  rest: string
}

/** Feeds `wire` cut at the given places. */
function decode(wire: string, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder(4096)
  const edges = [0, ...cuts, wire.length]
  let body = ''
  for (let i = 0; i + 1 < edges.length; i++) {
    // Each piece in a buffer of its own, as reads deliver them.
    const piece = Buffer.from(wire.slice(edges[i], edges[i + 1]), 'latin1')
    decoder.pos = 0
    for (;;) {
      const code = decoder.next(piece, piece.length)
      if (code === CHUNK_DATA) body += piece.latin1Slice(decoder.dataStart, decoder.dataEnd)
      else if (code === CHUNK_MORE) break
      else {
        const rest = piece.latin1Slice(decoder.pos) + wire.slice(edges[i + 1])
        return { body, trailers: decoder.trailers, code, rest }
      }
    }
  }
  return { body, trailers: decoder.trailers, code: CHUNK_MORE, rest: '' }
}

function encode(chunks: readonly string[], trailers = ''): string {
  const parts = chunks.filter((chunk) => chunk !== '').map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  return `${parts.join('')}0\r\n${trailers}\r\n`
}

describe('ChunkedDecoder', () => {
  test('gives back what was encoded, however the bytes are cut', () => {
    const latin1 = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
      maxLength: 40,
    })
    fc.assert(
      fc.property(fc.array(latin1, { maxLength: 6 }), fc.array(fc.nat(400)), (chunks, at) => {
        const wire = encode(chunks, 'X-A: 1\r\nX-B: 2\r\n')
        const cuts = [...new Set(at.map((n) => n % (wire.length + 1)))].sort((a, b) => a - b)
        expect(decode(`${wire}next`, cuts)).toEqual({
          body: chunks.join(''),
          trailers: 'X-A: 1\r\nX-B: 2\r\n',
          code: CHUNK_END,
          rest: 'next',
        })
      }),
    )
  })

  test('passes over extensions', () => {
    expect(decode('4;name="v"\r\nabcd\r\n0;last\r\n\r\n')).toMatchObject({ body: 'abcd', code: CHUNK_END })
    expect(decode('4 \r\nabcd\r\n0\r\n\r\n')).toMatchObject({ body: 'abcd', code: CHUNK_END })
  })

  test('takes sizes in either case and with leading zeros', () => {
    expect(decode(`00A\r\n0123456789\r\n0\r\n\r\n`)).toMatchObject({ body: '0123456789', code: CHUNK_END })
  })

  test.each([
    ['no size', '\r\nabc'],
    ['a sign', '+4\r\nabcd\r\n0\r\n\r\n'],
    ['a prefix', '0x4\r\nabcd\r\n0\r\n\r\n'],
    ['a bare LF behind the size', '4\nabcd\r\n0\r\n\r\n'],
    ['a bare LF in an extension', '4;a\nabcd\r\n0\r\n\r\n'],
    ['a bare LF behind the data', '4\r\nabcd\n0\r\n\r\n'],
    ['more data than the size says', '3\r\nabcd\r\n0\r\n\r\n'],
    ['a CR that is not followed by LF', '4\rXabcd\r\n0\r\n\r\n'],
    ['a size that overflows', 'fffffffffffffffff\r\n'],
    ['a bare LF as the end', '0\r\n\n'],
    ['a bare LF in the trailers', '0\r\nX: 1\n\r\n'],
    ['a folded trailer', '0\r\n\tx\r\n\r\n'],
    ['a NUL in the trailers', '0\r\nX: \0\r\n\r\n'],
    ['endless trailers', `0\r\nX: ${'a'.repeat(5000)}`],
    ['an endless extension', `4;${'a'.repeat(5000)}`],
  ])('refuses %s', (_, wire) => {
    expect(decode(wire).code).toBe(CHUNK_ERROR)
    const everywhere = Array.from({ length: wire.length - 1 }, (_unused, i) => i + 1)
    expect(decode(wire, everywhere).code).toBe(CHUNK_ERROR)
  })

  test('an unfinished body is not complete', () => {
    const wire = encode(['hello', 'world'])
    for (let end = 0; end < wire.length; end++) expect(decode(wire.slice(0, end)).code).toBe(CHUNK_MORE)
  })

  test('starts anew after reset', () => {
    const decoder = new ChunkedDecoder(100)
    for (let round = 0; round < 2; round++) {
      decoder.reset()
      decoder.pos = 0
      const bytes = Buffer.from('0\r\nA: b\r\n\r\n')
      expect(decoder.next(bytes, bytes.length)).toBe(CHUNK_END)
      expect(decoder.trailers).toBe('A: b\r\n')
    }
  })
})
