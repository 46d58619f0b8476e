// Keys made of a client's address, which are the same whether it is seen here through an IPv4 or a dual-stack socket. The
// default is the network that a client cannot easily leave: an IPv4 address is its own; of an IPv6 address the /64 counts,
// since a subscriber has at least that many addresses to choose from. In zones of the proxy it is the bytes of the address,
// for which who calls must know the proxy's sockets if IPv4 comes through a dual-stack one.

const HEXTETS = 8
const PREFIX_HEXTETS = 4
/** Before an IPv4 address in an IPv6 one. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255] as const

/**
 * The key for an address as sockets, Express, Fastify and Koa report it; a port behind it, which some proxies add, is left out.
 * `unix:` where there is none, as with a unix socket, or a client that has already gone; what is no address is its own key.
 */
export function clientNetwork(address: string | undefined): string {
  if (address === undefined || address === '') return 'unix:'
  if (!address.includes(':')) return address
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  return ipv6Network(address)
}

export interface BinaryAddressOptions {
  /** IPv4 addresses are IPv6's `::ffff:192.0.2.1`, as with a proxy that has `listen [::]:80 ipv6only=off`. Default false. */
  readonly mapped?: boolean
}

/**
 * The key `$binary_remote_addr` of the proxy for an address: 4 or 16 bytes. Empty, and so not limited, where there is no
 * address; what is none is its own key. For the proxy as for nginx, an IPv4 client has 4 bytes or 16 by the socket that it
 * comes to; here the application's socket does not matter, and `mapped` tells what the proxy's is.
 */
export function binaryAddress(address: string | undefined, { mapped = false }: BinaryAddressOptions = {}): Uint8Array {
  if (address === undefined) return new Uint8Array(0)
  const quad = parseQuad(address)
  if (quad !== undefined) return Buffer.from(mapped ? [...MAPPED, ...quad] : quad)
  const hextets = parseHextets(address)
  if (hextets === undefined) {
    const bare = withoutPort(address)
    return bare === undefined ? Buffer.from(address) : binaryAddress(bare, { mapped })
  }
  const bytes = Buffer.from(hextets.flatMap((h) => [h >> 8, h & 255]))
  return isMapped(hextets) && !mapped ? bytes.subarray(MAPPED.length) : bytes
}

function ipv6Network(address: string): string {
  const hextets = parseHextets(address)
  if (hextets === undefined) {
    const bare = withoutPort(address)
    return bare === undefined ? address : clientNetwork(bare)
  }
  if (isMapped(hextets)) {
    return hextets
      .slice(6)
      .flatMap((h) => [h >> 8, h & 255])
      .join('.')
  }
  return `${hextets
    .slice(0, PREFIX_HEXTETS)
    .map((h) => h.toString(16))
    .join(':')}::/64`
}

/**
 * Of `192.0.2.1:50000` and `[2001:db8::1]:50000`, as IIS and Azure's gateways write them into X-Forwarded-For. With the port
 * every connection would be a client.
 */
function withoutPort(address: string): string | undefined {
  const match = /^(?:\[([^[\]]*)\]|([0-9.]+))(?::[0-9]{1,5})?$/.exec(address)
  const bare = match?.[1] ?? match?.[2]
  return bare === address ? undefined : bare
}

/** An IPv4 address in an IPv6 one. */
function isMapped(hextets: readonly number[]): boolean {
  return hextets.slice(0, 5).every((h) => h === 0) && hextets[5] === 0xffff
}

/** Eight numbers, or undefined for what is not an IPv6 address. */
function parseHextets(address: string): number[] | undefined {
  // A zone index (`%eth0`) says through which interface, not who.
  const percent = address.indexOf('%')
  const [head = '', tail, ...more] = (percent < 0 ? address : address.slice(0, percent)).split('::')
  if (more.length > 0) return undefined
  const before = parseGroups(head)
  const after = parseGroups(tail ?? '')
  if (before === undefined || after === undefined) return undefined
  const missing = HEXTETS - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return [...before, ...new Array<number>(missing).fill(0), ...after]
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return []
  const hextets: number[] = []
  for (const group of text.split(':')) {
    const quad = parseQuad(group)
    if (quad !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = quad
      hextets.push((a << 8) | b, (c << 8) | d)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      hextets.push(Number.parseInt(group, 16))
    } else {
      return undefined
    }
  }
  return hextets
}

function parseQuad(text: string): readonly number[] | undefined {
  const quad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number)
  return quad?.every((byte) => byte < 256) ? quad : undefined
}
