// Addresses to listen on, joined over all servers: which servers share an address, which is its default, and which
// addresses need a socket of their own (a wildcard socket serves specific addresses of its port, as in nginx).

import { ConfigError } from '../config/error.ts'
import type { ListenRequest } from '../config/types.ts'
import type { ServerLevel } from './levels.ts'
import { defaultListen, type ListenSpec } from './listen.ts'
import { BadWildcard, parsePlainName, ServerNameTable } from './server_names.ts'
import type { VirtualServer } from './virtual_server.ts'

/** One address:port or unix path and the virtual servers behind it. */
export class HttpAddress {
  readonly spec: ListenSpec
  readonly names = new ServerNameTable<VirtualServer>()
  readonly servers: VirtualServer[] = []
  /** Set from the first server on. */
  defaultServer: VirtualServer
  /** Some server said default_server. */
  explicitDefault = false
  /** Only one server and its name captures nothing: names are not consulted. */
  single = true

  constructor(spec: ListenSpec, first: VirtualServer) {
    this.spec = spec
    this.defaultServer = first
  }
}

/** A bound socket and the addresses it serves. */
export interface HttpSocket {
  readonly request: ListenRequest
  /** By local address text, when a wildcard socket serves specific addresses as well. */
  readonly specific: ReadonlyMap<string, HttpAddress> | undefined
  readonly address: HttpAddress | undefined
}

const plainOptions: readonly (keyof ListenSpec)[] = [
  'backlog',
  'reuseport',
  'ipv6only',
  'rcvbuf',
  'sndbuf',
  'deferred',
  'fastopen',
  'keepalive',
  'bind',
]

/** Joins the `listen`s of all servers; `servers[i]` belongs to `levels[i]`. Sockets to open are appended to `listens`. */
export function joinAddresses(
  levels: readonly ServerLevel[],
  servers: readonly VirtualServer[],
  listens: ListenRequest[],
  warnings: string[],
): HttpAddress[] {
  const byText = new Map<string, HttpAddress>()
  levels.forEach((level, index) => {
    const server = servers[index] as VirtualServer
    const specs = level.listens.length === 0 ? [defaultListen()] : level.listens
    for (const spec of specs) addServer(byText, spec, server, level, warnings)
  })
  const addresses = [...byText.values()]
  for (const address of addresses) {
    if (needsSocket(address, byText)) listens.push(toRequest(address.spec))
  }
  return addresses
}

function addServer(
  byText: Map<string, HttpAddress>,
  spec: ListenSpec,
  server: VirtualServer,
  level: ServerLevel,
  warnings: string[],
): void {
  let address = byText.get(spec.text)
  if (address === undefined) {
    address = new HttpAddress({ ...spec }, server)
    byText.set(spec.text, address)
    address.explicitDefault = spec.defaultServer
  } else {
    if (spec.hasOptions) {
      if (address.spec.hasOptions) throw new ConfigError(`duplicate listen options for ${spec.text}`, level.position)
      for (const option of plainOptions) Object.assign(address.spec, { [option]: spec[option] })
      address.spec.hasOptions = true
    }
    if (spec.defaultServer) {
      if (address.explicitDefault) throw new ConfigError(`a duplicate default server for ${spec.text}`, level.position)
      address.explicitDefault = true
      address.defaultServer = server
    }
  }
  address.servers.push(server)
  const names = level.names.length === 0 ? [parsePlainName('')] : level.names
  for (const name of names) {
    try {
      if (!address.names.add(name, server)) {
        warnings.push(`conflicting server name "${name.text}" on ${spec.text}, ignored`)
      }
    } catch (error) {
      if (!(error instanceof BadWildcard)) throw error
      throw new ConfigError(`invalid server name or wildcard "${name.text}" on ${spec.text}`)
    }
  }
  address.single = address.servers.length === 1 && names.every((name) => name.kind !== 'regex')
}

/** A specific address is served by the wildcard socket of its port unless it has options of its own. */
function needsSocket({ spec }: HttpAddress, byText: ReadonlyMap<string, HttpAddress>): boolean {
  if (spec.family === 'unix' || spec.wildcard || spec.bind) return true
  return !byText.has(wildcardText(spec))
}

function wildcardText({ family, port }: ListenSpec): string {
  return family === 'inet6' ? `[::]:${port}` : `0.0.0.0:${port}`
}

function toRequest(spec: ListenSpec): ListenRequest {
  const { family, address, port, text, backlog, reuseport, ipv6only, rcvbuf, sndbuf, deferred, fastopen, keepalive } =
    spec
  return { family, address, port, text, backlog, reuseport, ipv6only, rcvbuf, sndbuf, deferred, fastopen, keepalive }
}

/** The socket of a request and what it serves. */
export function socketOf(addresses: readonly HttpAddress[], request: ListenRequest): HttpSocket {
  const own = addresses.find(({ spec }) => spec.text === request.text)
  if (own === undefined || !own.spec.wildcard) return { request, specific: undefined, address: own }
  const specific = new Map<string, HttpAddress>()
  for (const address of addresses) {
    const { spec } = address
    if (spec.family === request.family && spec.port === request.port && !spec.wildcard && !spec.bind) {
      specific.set(spec.address, address)
    }
  }
  return { request, specific: specific.size === 0 ? undefined : specific, address: own }
}
