// The text of an upstream's place, `HOST[:PORT]` or `unix:PATH`, as `server` and proxy_pass write it.

import { isIPv4, isIPv6 } from 'node:net'
import { type PeerAddress, tcpAddress, unixAddress } from '../../upstream/peer_address.ts'

export interface HostText {
  /** Without brackets; '' for a unix socket. */
  readonly host: string
  /** The default when none was given; 0 for a unix socket. */
  readonly port: number
  readonly hasPort: boolean
  /** Of a unix socket, or ''. */
  readonly path: string
}

/** What the kernel takes, and what is left of it for a bare name, which is opened as `./NAME`. */
const MAX_UNIX_PATH = 107
const MAX_BARE_NAME = 105

/** Parses `text`; a string is what is wrong with it, in nginx's words. */
export function parseHostText(text: string, defaultPort: number): HostText | string {
  if (text.toLowerCase().startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path === '') return 'no path in the unix domain socket'
    if (path.length > (path.includes('/') ? MAX_UNIX_PATH : MAX_BARE_NAME))
      return 'too long path in the unix domain socket'
    return { host: '', port: 0, hasPort: false, path }
  }
  let host = text
  let portText: string | undefined
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    host = text.slice(1, end)
    // Node takes `fe80::1%eth0` for an address; nginx does not, and neither do our sockets.
    if (end < 0 || !isIPv6(host) || host.includes('%')) return 'invalid host'
    const rest = text.slice(end + 1)
    if (rest !== '') {
      if (!rest.startsWith(':')) return 'invalid host'
      portText = rest.slice(1)
    }
  } else {
    const colon = text.indexOf(':')
    if (colon >= 0) {
      host = text.slice(0, colon)
      portText = text.slice(colon + 1)
    }
    if (host === '') return 'no host'
  }
  if (portText === undefined) return { host, port: defaultPort, hasPort: false, path: '' }
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0
  if (port < 1 || port > 65535) return 'invalid port'
  return { host, port, hasPort: true, path: '' }
}

/** The address of a place that needs no resolving, else undefined. */
export function literalAddress({ host, port, path }: HostText): PeerAddress | undefined {
  if (path !== '') return unixAddress(path)
  return isIPv4(host) || isIPv6(host) ? tcpAddress(host, port) : undefined
}

/** All addresses of a place; undefined = host not found. */
export function addressesOf(
  place: HostText,
  resolve: (host: string) => readonly string[] | undefined,
): readonly PeerAddress[] | undefined {
  const literal = literalAddress(place)
  if (literal !== undefined) return [literal]
  return resolve(place.host)?.map((address) => tcpAddress(address, place.port))
}
