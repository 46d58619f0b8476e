// HTTP/2 to the upstream with undici: one client (and so one connection) per location and peer, requests as its streams.
// What HTTP/2 does not have is translated at the border: the request's header lines are taken apart, the response's are
// put together as lines, so that nobody above sees a difference. Deviations: bytes of a connection are not counted but
// those of bodies; trailers are lost (undici ends a response before them); bytes above 127 in header values arrive as undici
// decodes them.

import type { Client, Dispatcher } from 'undici'
import { giveSlotBack, NoSlotError, occupySlot, takeSlot } from '../../net/connection_slots.ts'
import type { IdleConnections } from '../idle_connections.ts'
import type { PeerAddress } from '../peer_address.ts'
import type { Exchange, ExchangeHandler, Transport, TransportOptions } from '../transport.ts'
import { UndiciExchange } from './undici_exchange.ts'

type Undici = typeof import('undici')

/** A client, and whether its connection, made or about to be, has one of worker_connections' slots. */
class CountedClient {
  readonly client: Dispatcher
  #counted = false

  constructor(client: Dispatcher) {
    this.client = client
    client
      // It connects again by itself when requests are left over.
      .on('connect', () => {
        if (!this.#counted) occupySlot()
        this.#counted = true
      })
      .on('disconnect', () => this.#uncount())
      .on('connectionError', () => this.#uncount())
  }

  /** Before a request, which makes a connection if there is none. Throws NoSlotError. */
  count(): void {
    if (this.#counted) return
    if (!takeSlot()) throw new NoSlotError()
    this.#counted = true
  }

  #uncount(): void {
    if (this.#counted) giveSlotBack()
    this.#counted = false
  }
}

export class UndiciTransport implements Transport {
  readonly #undici: Undici
  /** By location, then by addresses of peer and of ourselves. */
  readonly #clients = new WeakMap<TransportOptions, Map<string, CountedClient>>()

  constructor(undici: Undici) {
    this.#undici = undici
  }

  open(
    address: PeerAddress,
    options: TransportOptions,
    idle: IdleConnections | undefined,
    local: string,
    handler: ExchangeHandler,
  ): Exchange {
    let clients = this.#clients.get(options)
    if (clients === undefined) {
      clients = new Map()
      this.#clients.set(options, clients)
    }
    const key = `${address.text} ${local}`
    let counted = clients.get(key)
    if (counted === undefined) {
      counted = new CountedClient(this.#newClient(address, options, local, idle?.limits.timeoutMs))
      clients.set(key, counted)
    }
    counted.count()
    return new UndiciExchange(counted.client, originOf(address, options), handler)
  }

  #newClient(address: PeerAddress, options: TransportOptions, local: string, idleMs: number | undefined): Dispatcher {
    const common = {
      headersTimeout: options.readTimeoutMs,
      bodyTimeout: options.readTimeoutMs,
      connectTimeout: options.connectTimeoutMs,
      // Groups that keep no connections close them as soon as nobody uses them.
      keepAliveTimeout: idleMs ?? 1,
      maxHeaderSize: options.headLimit,
      strictContentLength: false,
      ...(address.path === '' ? undefined : { socketPath: address.path }),
      ...(local === '' ? undefined : { localAddress: local }),
    }
    const origin = originOf(address, options)
    if (options.tls === undefined) return new this.#undici.H2CClient(origin, { ...common, maxConcurrentStreams: 100 })
    const { serverName } = options.tls
    const clientOptions: Client.Options = {
      ...common,
      allowH2: true,
      maxConcurrentStreams: 100,
      pipelining: 100,
      connect: { rejectUnauthorized: false, servername: serverName, timeout: options.connectTimeoutMs },
    }
    return new this.#undici.Client(origin, clientOptions)
  }
}

function originOf({ host, port, path }: PeerAddress, { tls }: TransportOptions): string {
  const scheme = tls === undefined ? 'http' : 'https'
  if (path !== '') return `${scheme}://localhost`
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
