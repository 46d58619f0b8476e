import { describe, expect, it } from 'vitest'
import type { ConfigCursor } from '../../../src/config/types.ts'
import { type Cidr, cidrContains, masked, parseAddress, parseCidr, unmapped } from '../../../src/modules/cidr.ts'

const warnings: string[] = []
const cf = { warn: (text: string) => warnings.push(text) } as unknown as ConfigCursor

function contains(network: string, address: string): boolean {
  return cidrContains(parseCidr(cf, network) as Cidr, parseAddress(address) as string)
}

describe('cidrContains', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.1.2.128/25', '10.1.2.129', true],
    ['10.1.2.128/25', '10.1.2.127', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['::/0', '::1', true],
    ['::/0', '1.2.3.4', false],
  ])('%s has %s: %s', (network, address, expected) => {
    expect(contains(network, address)).toBe(expected)
  })
})

describe('masked', () => {
  it.each([
    ['1.2.3.255', 32, '1.2.3.255'],
    ['1.2.3.255', 31, '1.2.3.254'],
    ['1.2.255.4', 20, '1.2.240.0'],
    ['1.2.3.4', 8, '1.0.0.0'],
    ['255.2.3.4', 1, '128.0.0.0'],
    ['1.2.3.4', 0, '0.0.0.0'],
    ['1:2:3:4:5:6:7:8', 128, '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7:8', 64, '1:2:3:4::'],
    ['1:2:3:ffff:5:6:7:8', 56, '1:2:3:ff00::'],
    ['1:2:3:4:5:6:7:ffff', 127, '1:2:3:4:5:6:7:fffe'],
    ['ffff::1', 0, '::'],
  ])('%s/%d is %s', (address, bits, network) => {
    expect(masked(parseAddress(address) as string, bits)).toBe(parseAddress(network))
  })
})

describe('parseAddress', () => {
  it.each([
    ['1.2.3.4', '01020304'],
    ['::1', '00000000000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['a::b:c', '000a00000000000000000000000b000c'],
    ['1:2::', '00010002000000000000000000000000'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
  ])('%s', (text, hex) => {
    expect(Buffer.from(parseAddress(text) ?? '', 'latin1').toString('hex')).toBe(hex)
  })

  it('shows mapped addresses as what they are', () => {
    expect(unmapped(parseAddress('::ffff:1.2.3.4') as string)).toBe('\x01\x02\x03\x04')
    expect(unmapped(parseAddress('::1') as string)).toHaveLength(16)
  })
})

describe('parseCidr', () => {
  it.each(['', 'x', '1.2.3', '1.2.3.4/', '1.2.3.4/33', '::1/129', '1.2.3.4/-1', '1.2.3.4/8x', 'fe80::1%lo'])(
    'refuses %s',
    (text) => {
      expect(parseCidr(cf, text)).toBeUndefined()
    },
  )

  it('drops low bits with a warning', () => {
    expect(contains('10.1.2.3/8', '10.9.9.9')).toBe(true)
    expect(warnings.at(-1)).toBe('low address bits of 10.1.2.3/8 are meaningless')
  })
})
