// Opens sockets to peers.

import { connect as connectTls } from 'node:tls'
import type { ByteSocket, SocketOwner } from '../../net/byte_socket.ts'
import { NodeSocket } from '../../net/node_socket.ts'
import { PlainSocket } from '../../net/plain_socket.ts'
import type { PeerAddress } from '../peer_address.ts'
import type { TransportOptions } from '../transport.ts'

/** Starts to connect; half-open: the end of what the peer sends is an event, nothing more. `local` as in Transport.open. */
export function openSocket(
  peer: PeerAddress,
  options: TransportOptions,
  local: string,
  owner: SocketOwner,
): ByteSocket {
  const { address, port } = splitLocal(local)
  if (options.tls === undefined) {
    const place = { address: peer.path === '' ? peer.host : fileName(peer.path), port: peer.port }
    return PlainSocket.connect({ ...place, local: address, localPort: port, keepalive: options.tcpKeepAlive }, owner)
  }
  // Certificates are not verified unless asked for, and SNI is off, as in nginx.
  const { serverName } = options.tls
  const tls = { rejectUnauthorized: false, servername: serverName, minVersion: 'TLSv1.2' as const }
  const tcp = { allowHalfOpen: true, noDelay: true, keepAlive: options.tcpKeepAlive }
  const bound = address === '' ? {} : { localAddress: address, localPort: port }
  const place = peer.path === '' ? { host: peer.host, port: peer.port, ...bound } : { path: peer.path }
  return new NodeSocket((read) => connectTls({ ...tls, ...tcp, ...place, ...read }), 'secureConnect', owner)
}

/** It is the slash that tells a PlainSocket a path from an IP address. */
function fileName(path: string): string {
  return path.includes('/') ? path : `./${path}`
}

function splitLocal(local: string): { address: string; port: number } {
  const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([0-9.]+)):([0-9]+)$/.exec(local) ?? []
  return { address: v6 ?? v4 ?? local, port: Number(port ?? 0) }
}
