import { expect, it } from 'vitest'
import { parseNetwork } from '../../../src/config/cidr.ts'

it.each([
  ['10.1.2.3', 'inet', 0x0a010203n, 32],
  ['10.0.0.0/8', 'inet', 0x0a000000n, 8],
  ['0.0.0.0/0', 'inet', 0n, 0],
  ['::1', 'inet6', 1n, 128],
  ['::/0', 'inet6', 0n, 0],
  ['2001:db8::/32', 'inet6', 0x20010db8n << 96n, 32],
  ['1:2:3:4:5:6:7:8', 'inet6', 0x00010002000300040005000600070008n, 128],
  ['::ffff:10.0.0.1', 'inet6', 0xffff0a000001n, 128],
] as const)('%s is a network', (text, family, address, prefixBits) => {
  expect(parseNetwork(text)).toEqual({ family, address, prefixBits, hadLowBits: false })
})

it('bits outside the mask are told and cleared', () => {
  expect(parseNetwork('10.1.2.3/8')).toMatchObject({ address: 0x0a000000n, hadLowBits: true })
  expect(parseNetwork('::1/64')).toMatchObject({ address: 0n, hadLowBits: true })
})

it.each(['', 'host', '10.0.0', '10.0.0.256', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', '::/129', 'fe80::1%eth0', '/8'])(
  '%j is none',
  (text) => {
    expect(parseNetwork(text)).toBeUndefined()
  },
)
