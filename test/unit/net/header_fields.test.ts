import { describe, expect, it } from 'vitest'
import { HeaderFields, SCAN_END, SCAN_INVALID, SCAN_MORE } from '../../../src/net/header_fields.ts'
import * as names from '../../../src/net/header_names.ts'

/** Scans all lines of `text`; the last result, and the fields. */
function scan(text: string): { fields: HeaderFields; result: number } {
  const bytes = Buffer.from(text, 'latin1')
  const fields = new HeaderFields()
  let result = 0
  let pos = 0
  do {
    result = fields.scanLine(bytes, pos, bytes.length, 0)
    pos = fields.end
  } while (result >= 0)
  fields.setText(text)
  return { fields, result }
}

describe('the table of known names', () => {
  it('has a place of its own for every name', () => {
    const places = names.HEADER_HASHES.slice(1).map(names.placeOf)
    expect(new Set(places).size).toBe(places.length)
  })

  it('finds every name and no other', () => {
    for (const [id, name] of names.HEADER_NAMES.entries()) if (id > 0) expect(names.headerId(name)).toBe(id)
    expect(names.headerId('x-unknown')).toBe(names.UNKNOWN)
  })
})

describe('HeaderFields', () => {
  it('keeps names, values and places of lines', () => {
    const { fields, result } = scan('Host: a\r\nX-One:two \r\nHOST:  b\nEmpty:\r\nNoColon\r\n\r\n')
    expect(result).toBe(SCAN_END)
    const all = Array.from({ length: fields.count }, (_, i) => [fields.name(i), fields.value(i), fields.isCanonical(i)])
    expect(all).toEqual([
      ['Host', 'a', true],
      ['X-One', 'two', false],
      ['HOST', 'b', false],
      ['Empty', '', false],
      ['NoColon', '', false],
    ])
    expect(fields.first(names.HOST)).toBe(0)
    expect(fields.id(2)).toBe(names.HOST)
    expect(fields.joined('host', names.hashName('host'), ', ')).toBe('a, b')
    expect(fields.text.slice(fields.lineStart(1), fields.lineEnd(1))).toBe('X-One:two \r\n')
  })

  it.each(['Na me: x\r\n', ' folded\r\n', ': x\r\n', 'A: b\0c\r\n', 'A: b\rc\r\n', '\rX', 'A\x01: b\r\n'])(
    'refuses %j',
    (text) => {
      expect(scan(text).result).toBe(SCAN_INVALID)
    },
  )

  it('asks for more bytes at every place where a line may be cut', () => {
    const text = 'Name: value\r\n'
    for (let cut = 0; cut < text.length; cut++) expect(scan(text.slice(0, cut)).result).toBe(SCAN_MORE)
  })

  it('forgets a dropped line', () => {
    const bytes = Buffer.from('Host: a\r\n', 'latin1')
    const fields = new HeaderFields()
    fields.scanLine(bytes, 0, bytes.length, 0)
    fields.dropLast()
    expect([fields.count, fields.first(names.HOST)]).toEqual([0, -1])
  })
})
