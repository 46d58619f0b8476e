// HTTP/1 to the upstream with our own codec: a cached connection if there is one, else a new one.

import type { IdleConnections } from '../idle_connections.ts'
import type { PeerAddress } from '../peer_address.ts'
import type { Exchange, ExchangeHandler, Transport, TransportOptions } from '../transport.ts'
import { Http1Connection } from './connection.ts'

export const http1Transport: Transport = {
  open(
    address: PeerAddress,
    options: TransportOptions,
    idle: IdleConnections | undefined,
    local: string,
    handler: ExchangeHandler,
  ): Exchange {
    // Only this transport puts connections there: the options of a location name one transport.
    const cached = idle?.take(address.text, options, local) as Http1Connection | undefined
    if (cached === undefined) return new Http1Connection(address, options, idle, local, handler)
    cached.reopen(handler)
    return cached
  },
}
