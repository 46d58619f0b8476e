// Groups of peers as the configuration names them: `upstream` blocks, and the hosts of proxy_pass that are no block
// (implicit groups). Their run-time state is made on first use, in the worker.

import { ConfigError } from '../../config/error.ts'
import type { Position } from '../../config/types.ts'
import { IdleConnections, type KeepaliveLimits } from '../../upstream/idle_connections.ts'
import type { PeerAddress } from '../../upstream/peer_address.ts'
import { type PeerParameters, RoundRobin } from '../../upstream/peers.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { addressesOf, type HostText } from './host_text.ts'

export interface ServerLine {
  readonly addresses: readonly PeerAddress[]
  readonly parameters: PeerParameters
}

/** A group with its peers; `upstream` is its state in this process. */
export class Group {
  readonly name: string
  readonly servers: ServerLine[] = []
  /** Of an upstream block; an implicit group keeps no connections. */
  keepalive: KeepaliveLimits | undefined = undefined
  #upstream: Upstream | undefined = undefined

  constructor(name: string) {
    this.name = name
  }

  get upstream(): Upstream {
    this.#upstream ??= {
      name: this.name,
      balancer: new RoundRobin(
        this.servers.flatMap(({ addresses, parameters }) => addresses.map((address) => ({ address, parameters }))),
      ),
      idle: this.keepalive === undefined || this.keepalive.size === 0 ? undefined : new IdleConnections(this.keepalive),
    }
    return this.#upstream
  }
}

/** A constant host that some directive passes requests to. `group` is set by `link`. */
export interface HostReference {
  readonly place: HostText
  readonly position: Position
  readonly resolve: (host: string) => readonly string[] | undefined
  group: Group | undefined
}

export const DEFAULT_PARAMETERS: PeerParameters = {
  weight: 1,
  maxConns: 0,
  maxFails: 1,
  failTimeoutSec: 10,
  backup: false,
  down: false,
}

/** All groups of a configuration. One object, shared by all levels. */
export class GroupRegistry {
  /** By lower-case name. */
  readonly #blocks = new Map<string, Group>()
  /** By `host:port` in lower case, or `unix:PATH`. */
  readonly #implicit = new Map<string, Group>()
  readonly #references: HostReference[] = []

  /** False: the name is taken. */
  addBlock(group: Group): boolean {
    const key = group.name.toLowerCase()
    if (this.#blocks.has(key)) return false
    this.#blocks.set(key, group)
    return true
  }

  addReference(reference: HostReference): void {
    this.#references.push(reference)
  }

  /** Finds or makes the group of every reference, once all blocks are known. Throws ConfigError. */
  link(): void {
    for (const reference of this.#references) {
      const { place, position } = reference
      const block = place.path === '' ? this.#blocks.get(place.host.toLowerCase()) : undefined
      if (block !== undefined && place.hasPort) {
        throw new ConfigError(`upstream "${place.host}" may not have port ${place.port}`, position)
      }
      reference.group = block ?? this.#implicitGroup(reference)
    }
    this.#references.length = 0
  }

  /** The group that a host known only at run time means: a block, or the implicit group of another directive. */
  find(place: HostText): Group | undefined {
    if (place.path !== '') return this.#implicit.get(implicitKey(place))
    if (!place.hasPort) {
      const block = this.#blocks.get(place.host.toLowerCase())
      if (block !== undefined) return block
    }
    return this.#implicit.get(implicitKey(place))
  }

  #implicitGroup({ place, position, resolve }: HostReference): Group {
    const key = implicitKey(place)
    const known = this.#implicit.get(key)
    if (known !== undefined) return known
    const addresses = addressesOf(place, resolve)
    if (addresses === undefined) throw new ConfigError(`host not found in upstream "${place.host}"`, position)
    const group = new Group(place.path === '' ? place.host : `unix:${place.path}`)
    group.servers.push({ addresses, parameters: DEFAULT_PARAMETERS })
    this.#implicit.set(key, group)
    return group
  }
}

function implicitKey({ host, port, path }: HostText): string {
  return path === '' ? `${host.toLowerCase()}:${port}` : `unix:${path}`
}

/** A group for one request: a host that was resolved for it. */
export function temporaryUpstream(name: string, addresses: readonly PeerAddress[]): Upstream {
  return {
    name,
    balancer: new RoundRobin(addresses.map((address) => ({ address, parameters: DEFAULT_PARAMETERS }))),
    idle: undefined,
  }
}
