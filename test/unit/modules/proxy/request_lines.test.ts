// Copying fields in runs must give what copying them one by one gives.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReplacedNames } from '../../../../src/modules/proxy/request_lines.ts'
import { HeaderFields } from '../../../../src/net/header_fields.ts'

function scan(lines: readonly string[]): HeaderFields {
  const fields = new HeaderFields()
  const text = `GET / HTTP/1.1\r\n${lines.join('')}\r\n`
  const bytes = Buffer.from(text, 'latin1')
  fields.scan(bytes, text.indexOf('\n') + 1, bytes.length, 0)
  fields.setText(text)
  return fields
}

describe('ReplacedNames', () => {
  test('passes canonical lines as they are and writes others anew, in order', () => {
    const fields = scan(['A: 1\r\n', 'Host: h\r\n', 'b:2\r\n', 'X-Real-IP: 3\r\n', 'C: 4 \r\n', 'd: 5\r\n', 'E:\r\n'])
    expect(new ReplacedNames(['host', 'x-real-ip']).rest(fields)).toBe('A: 1\r\nb: 2\r\nC: 4\r\nd: 5\r\nE: \r\n')
  })

  test('a line that was left out does not slip in with its neighbours', () => {
    const fields = new HeaderFields()
    const text = 'GET / HTTP/1.1\r\nA: 1\r\nBad_Name: x\r\nB: 2\r\n\r\n'
    const bytes = Buffer.from(text)
    fields.scan(bytes, text.indexOf('\n') + 1, bytes.length, 0)
    fields.move(2, 1)
    fields.truncate(2)
    fields.setText(text)
    expect(new ReplacedNames(['host']).rest(fields)).toBe('A: 1\r\nB: 2\r\n')
  })

  test('agrees with copying one by one', () => {
    const name = fc.constantFrom('Host', 'host', 'X-A', 'x-a', 'X-B', 'Accept', 'Cookie', 'Connection', 'Via')
    const line = fc.tuple(
      name,
      fc.constantFrom(': ', ':', ':   '),
      fc.constantFrom('', 'v', 'a b'),
      fc.constantFrom('\r\n', '\n', ' \r\n'),
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.subarray(['host', 'x-a', 'accept', 'via']), (all, replaced) => {
        const fields = scan(all.map((parts) => parts.join('')))
        const expected = all
          .filter(([one]) => !replaced.includes(one.toLowerCase()))
          .map(([one, , value]) => `${one}: ${value}\r\n`)
        expect(new ReplacedNames(replaced).rest(fields)).toBe(expected.join(''))
      }),
    )
  })
})
