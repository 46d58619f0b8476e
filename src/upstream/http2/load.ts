// Loads the HTTP/2 transport when a location asks for it: undici costs 10 ms and some MB that others need not pay. Loading
// is synchronous and happens while the configuration is read, that is before root is dropped: later its files may be out
// of reach.

import { createRequire } from 'node:module'
import type { Transport } from '../transport.ts'
import { UndiciTransport } from './undici_transport.ts'

let transport: Transport | undefined

/** The one HTTP/2 transport of this process. */
export function loadHttp2Transport(): Transport {
  if (transport === undefined) {
    const require = createRequire(import.meta.url)
    transport = new UndiciTransport(require('undici') as typeof import('undici'))
  }
  return transport
}
