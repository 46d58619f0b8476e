import { describe, expect, test } from 'vitest'
import { binaryAddress, clientNetwork } from '../../../src/adapters/client_network.ts'

describe('the network of a client', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::192.0.2.1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['192.0.2.1:50000', '192.0.2.1'],
    ['[2001:db8:1:2::9]:50000', '2001:db8:1:2::/64'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
    ['unknown:50000', 'unknown:50000'],
    [undefined, 'unix:'],
    ['', 'unix:'],
    ['unknown', 'unknown'],
    ['1::2::3', '1::2::3'],
    ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8:9'],
    ['x::1', 'x::1'],
  ])('%s is %s', (address, network) => {
    expect(clientNetwork(address)).toBe(network)
  })

  test('does not depend on the last 64 bits', () => {
    const networks = ['::', '::1', ':ffff:ffff:ffff:ffff'].map((tail) => clientNetwork(`2001:db8:0:7${tail}`))
    expect(new Set(networks).size).toBe(1)
  })
})

describe('the bytes of an address', () => {
  const V6 = '20010db8000100020003000400050006'
  test.each([
    ['192.0.2.1', 'c0000201'],
    ['::ffff:192.0.2.1', 'c0000201'],
    ['2001:db8:1:2:3:4:5:6', V6],
    ['2001:db8:1:2:3:4:5:6%eth0', V6],
    ['::1', '00000000000000000000000000000001'],
    ['192.0.2.1:50000', 'c0000201'],
    ['[2001:db8:1:2:3:4:5:6]:50000', V6],
    [undefined, ''],
    ['', ''],
    ['unknown', Buffer.from('unknown').toString('hex')],
    ['300.0.2.1', Buffer.from('300.0.2.1').toString('hex')],
    ['1::2::3', Buffer.from('1::2::3').toString('hex')],
  ])('of %s are %s', (address, hex) => {
    expect(Buffer.from(binaryAddress(address)).toString('hex')).toBe(hex)
  })

  test.each([
    ['192.0.2.1', '00000000000000000000ffffc0000201'],
    ['192.0.2.1:50000', '00000000000000000000ffffc0000201'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['2001:db8:1:2:3:4:5:6', V6],
    [undefined, ''],
    ['unknown', Buffer.from('unknown').toString('hex')],
    ['abcd', Buffer.from('abcd').toString('hex')],
  ])('of %s at a dual-stack socket are %s', (address, hex) => {
    expect(Buffer.from(binaryAddress(address, { mapped: true })).toString('hex')).toBe(hex)
  })
})
