import { describe, expect, test } from 'vitest'
import { clientNetwork } from '../../../src/adapters/client_network.ts'

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
