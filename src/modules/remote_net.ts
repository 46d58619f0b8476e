// remote_net: the client's network as a key for limits. A household or a host with IPv6 has a whole /64 of addresses to
// send from, so limits by $binary_remote_addr hold nobody who knows that; $binary_remote_net is the same binary address
// with the bits behind the prefix cleared.

import type { ConfigCursor } from '../config/types.ts'
import { parseInteger } from '../config/units.ts'
import { defineModule, HTTP_SERVER_LOCATION, type HttpModule } from '../http/module.ts'
import { masked, unmapped } from './cidr.ts'

export interface RemoteNetConf {
  /** Bits of an IPv4 address that are kept, 0 to 32. */
  ipv4: number
  /** Bits of an IPv6 address that are kept, 0 to 128. */
  ipv6: number
}

/**
 * The client's network as a key of limits: `remote_net_prefix [ipv4=BITS] [ipv6=BITS]` says how many bits of an address
 * name it, 32 and 64 unless set. `$binary_remote_net` has 4 or 16 bytes; IPv4-mapped addresses are IPv4. A level that sets
 * one of the two inherits the other.
 */
export const remoteNet: HttpModule<RemoteNetConf> = defineModule<RemoteNetConf>({
  name: 'remote_net',
  defaults: { ipv4: 32, ipv6: 64 },
  directives: {
    remote_net_prefix: { in: HTTP_SERVER_LOCATION, args: [1, 2], set: setPrefix },
  },
  variables: { binary_remote_net: (r) => networkOf(r.binaryRemoteAddr, r.conf(remoteNet)) },
})

const PARAMETER = /^(ipv4|ipv6)=(.*)$/s
const ALL_BITS = { ipv4: 32, ipv6: 128 } as const

function setPrefix(cf: ConfigCursor, own: Partial<RemoteNetConf>): void {
  if (own.ipv4 !== undefined || own.ipv6 !== undefined) cf.failDirective('is duplicate')
  for (const word of cf.args.slice(1)) {
    const [, family, digits = ''] = PARAMETER.exec(word) ?? []
    if (family !== 'ipv4' && family !== 'ipv6') cf.fail(`invalid parameter "${word}"`)
    if (own[family] !== undefined) cf.fail(`duplicate parameter "${word}"`)
    const bits = parseInteger(digits)
    if (bits === undefined || bits > ALL_BITS[family]) {
      cf.fail(`invalid prefix "${word}", it must be between 0 and ${ALL_BITS[family]}`)
    }
    own[family] = bits
  }
}

/** The address of a unix socket's client has neither 4 nor 16 bytes and stays as it is. */
function networkOf(binary: string, { ipv4, ipv6 }: Readonly<RemoteNetConf>): string {
  const address = unmapped(binary)
  if (address.length === 4) return ipv4 === 32 ? address : masked(address, ipv4)
  return address.length === 16 ? masked(address, ipv6) : address
}
