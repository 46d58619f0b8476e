import { describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import {
  HeaderFields,
  NAME_ODD,
  NAME_PLAIN,
  NAME_UNDERSCORE,
  SCAN_END,
  SCAN_INVALID,
  SCAN_MORE,
} from '../../../src/net/header_fields.ts'
import * as names from '../../../src/net/header_names.ts'

/** Scans all lines of `text`; the last result, and the fields. */
function scan(text: string): { fields: HeaderFields; result: number } {
  const bytes = Buffer.from(text, 'latin1')
  const fields = new HeaderFields()
  const result = fields.scan(bytes, 0, bytes.length, 0)
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

  it('goes on where the last complete line ended', () => {
    const text = 'Host: a\r\nX-A: b\r\nHost: c\r\n\r\n'
    for (let cut = 0; cut < text.length; cut++) {
      const bytes = Buffer.from(`head ${text}`, 'latin1')
      const fields = new HeaderFields()
      expect(fields.scan(bytes, 5, 5 + cut, 5)).toBe(SCAN_MORE)
      expect(text.slice(0, fields.next)).toBe(text.slice(0, cut).replace(/[^\n]*$/, ''))
      expect(fields.scan(bytes, 5 + fields.next, bytes.length, 5)).toBe(SCAN_END)
      expect(fields.end).toBe(text.length)
      fields.setText(text)
      expect(Array.from({ length: fields.count }, (_, i) => fields.value(i))).toEqual(['a', 'b', 'c'])
      expect([fields.first(names.HOST), fields.repeats]).toEqual([0, true])
    }
  })

  it('takes more lines than one call of the scanner', () => {
    const lines = Array.from({ length: 1000 }, (_, i) => `X-${i}: ${i}\r\n`)
    const { fields, result } = scan(`${lines.join('')}Host: a\r\n\r\n`)
    expect([result, fields.count, fields.name(999), fields.value(999)]).toEqual([SCAN_END, 1001, 'X-999', '999'])
    expect(fields.known(names.HOST)).toBe('a')
    expect(fields.repeats).toBe(false)
  })

  it('says where a line goes wrong', () => {
    const { fields } = scan('Host: a\r\nBad\x01: b\r\n\r\n')
    expect([fields.count, fields.next, fields.end]).toEqual([1, 9, 12])
  })

  it('knows the kinds of names', () => {
    const { fields } = scan('Plain-1: x\r\nunder_score: x\r\nodd!: x\r\n\r\n')
    expect([fields.kind(0), fields.kind(1), fields.kind(2)]).toEqual([NAME_PLAIN, NAME_UNDERSCORE, NAME_ODD])
    expect(fields.oddest).toBe(NAME_ODD)
    expect(scan('Plain: x\r\n\r\n').fields.oddest).toBe(NAME_PLAIN)
  })

  it('closes up where lines are left out, and forgets those at the end', () => {
    const { fields } = scan('Host: a\r\nX-A: b\r\nHost: c\r\nServer: d\r\n\r\n')
    for (const i of [1, 2, 3]) fields.move(i, i - 1)
    fields.truncate(3)
    expect([fields.count, fields.first(names.HOST), fields.value(1), fields.repeats]).toEqual([3, 1, 'c', false])
    fields.truncate(1)
    expect([fields.count, fields.first(names.HOST), fields.first(names.SERVER)]).toEqual([1, -1, -1])
    fields.truncate(7)
    expect(fields.count).toBe(1)
    fields.reset()
    expect([fields.count, fields.oddest, fields.repeats]).toEqual([0, NAME_PLAIN, false])
  })

  it('takes heads of more lines than its table has room for, in one piece and in several', () => {
    const lines = Array.from({ length: 300 }, (_, i) => `X-${i}: ${'v'.repeat(i % 40)}${i}\r\n`)
    lines[290] = 'Host: late\r\n'
    const head = `${lines.join('')}\r\n`
    const { fields, result } = scan(head)
    expect([result, fields.count, fields.first(names.HOST), fields.value(290)]).toEqual([SCAN_END, 300, 290, 'late'])
    expect(fields.value(7)).toBe('vvvvvvv7')

    const bytes = Buffer.from(head)
    const inPieces = new HeaderFields()
    let pos = 0
    for (let limit = 100; ; limit = Math.min(bytes.length, limit + 100)) {
      if (inPieces.scan(bytes, pos, limit, 0) === SCAN_END) break
      pos = inPieces.next
    }
    inPieces.setText(head)
    expect([inPieces.count, inPieces.first(names.HOST), inPieces.value(299)]).toEqual([300, 290, fields.value(299)])
  })

  it('is scanned natively only within the bytes and the table', () => {
    const scanHeader = addon.createHeaderScanner(['', 'host'])
    const bytes = Buffer.from('Host: a\r\n\r\n')
    const table = new Int32Array(100)
    expect(scanHeader(bytes, 0, bytes.length, 0, table)).toBe(1)
    // Said to be full, and with a count that nobody has left there.
    table[3] = 4
    expect(scanHeader(bytes, 0, bytes.length, 0, table)).toBe(4)
    expect(table[0]).toBe(0)
    for (const count of [5, 1 << 30, -1]) {
      table[3] = count
      expect(scanHeader(bytes, 0, bytes.length, 0, table)).toBe(-1)
    }
    table[3] = 0
    for (const [from, limit, base] of [
      [0, 100, 0],
      [5, 4, 0],
      [0, 4, 1],
      [-1, 4, 0],
    ] as const) {
      expect(scanHeader(bytes, from, limit, base, table)).toBe(-1)
    }
    expect(scanHeader(bytes, 0, 4, 0, new Int32Array(70))).toBe(-1)
    const loose = scanHeader as (...args: unknown[]) => number
    expect(loose(bytes, 0, 4, 0, new Float64Array(100))).toBe(-1)
    expect(loose(bytes, 0, 4, 0)).toBe(-1)
    expect(loose('x', 0, 0, 0, table)).toBe(-1)
    expect(loose()).toBe(-1)
    expect(() => addon.createHeaderScanner(Array.from({ length: 65 }, () => 'x'))).toThrow(TypeError)
  })
})
