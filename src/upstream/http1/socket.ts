// Opens sockets to peers, all reading into one buffer: what a read brought is valid until its callback returns.

import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { PeerAddress } from '../peer_address.ts'
import type { TransportOptions } from '../transport.ts'

export const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * Starts to connect. `onRead` gets the number of bytes in READ_BUFFER; false stops reading until socket.resume(). Half-open:
 * the end of what the peer sends is an event, nothing more.
 */
export function openSocket(
  address: PeerAddress,
  options: TransportOptions,
  local: string,
  onRead: (size: number) => boolean,
): Socket {
  const common = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: options.tcpKeepAlive,
    onread: { buffer: READ_BUFFER, callback: onRead },
  }
  const place =
    address.path !== '' ? { path: address.path } : { host: address.host, port: address.port, ...localOptions(local) }
  if (options.tls === undefined) return connectTcp({ ...common, ...place })
  // Certificates are not verified unless asked for, and SNI is off, as in nginx.
  const { serverName } = options.tls
  return connectTls({ ...common, ...place, rejectUnauthorized: false, servername: serverName, minVersion: 'TLSv1.2' })
}

function localOptions(local: string): { localAddress?: string; localPort?: number } {
  if (local === '') return {}
  const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([0-9.]+)):([0-9]+)$/.exec(local) ?? []
  const localAddress = v6 ?? v4
  return localAddress === undefined ? { localAddress: local } : { localAddress, localPort: Number(port) }
}
