// The local address of an accepted socket ($server_addr, $server_port, redirects): asked for only when somebody needs it.

import type { ListenRequest } from '../../config/types.ts'
import { addon } from '../../native/addon.ts'

export interface LocalName {
  readonly address: string
  readonly port: number
}

/** getsockname; for a socket that is gone already, what was listened on. */
export function localName(fd: number, listened: ListenRequest): LocalName {
  try {
    const { family, address, port } = addon.socketName(fd)
    return { address: family === 'unix' ? `unix:${address}` : address, port }
  } catch {
    return { address: listened.address, port: listened.port }
  }
}
