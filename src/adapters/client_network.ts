// The default key: the network that a client cannot easily leave. An IPv4 address is its own; of an IPv6 address the /64
// counts, since a subscriber has at least that many addresses to choose from. The same client has the same key whether
// it is seen through an IPv4 or a dual-stack socket.

const HEXTETS = 8
const PREFIX_HEXTETS = 4

/**
 * The key for an address as sockets, Express, Fastify and Koa report it. `unix:` where there is none, as with a unix
 * socket, or a client that has already gone; what is no address is its own key.
 */
export function clientNetwork(address: string | undefined): string {
  if (address === undefined || address === '') return 'unix:'
  if (!address.includes(':')) return address
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  return ipv6Network(address)
}

function ipv6Network(address: string): string {
  const hextets = parseHextets(address)
  if (hextets === undefined) return address
  const isMapped = hextets.slice(0, 5).every((h) => h === 0) && hextets[5] === 0xffff
  if (isMapped)
    return hextets
      .slice(6)
      .flatMap((h) => [h >> 8, h & 255])
      .join('.')
  return `${hextets
    .slice(0, PREFIX_HEXTETS)
    .map((h) => h.toString(16))
    .join(':')}::/64`
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
    const quad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(group)
    if (quad !== null) {
      const [a = 0, b = 0, c = 0, d = 0] = quad.slice(1).map(Number)
      hextets.push((a << 8) | b, (c << 8) | d)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      hextets.push(Number.parseInt(group, 16))
    } else {
      return undefined
    }
  }
  return hextets
}
