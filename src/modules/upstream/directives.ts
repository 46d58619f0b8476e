// upstream NAME { ... } and the server lines in it.

import { ownOf } from '../../config/level.ts'
import type { ConfigCursor, Context, Level } from '../../config/types.ts'
import { parseInteger, parseTimeSec } from '../../config/units.ts'
import type { PeerParameters } from '../../upstream/peers.ts'
import { DEFAULT_PARAMETERS, Group, type GroupRegistry } from './groups.ts'
import { addressesOf, parseHostText } from './host_text.ts'
import type { UpstreamConf } from './index.ts'

class UpstreamLevel implements Level {
  readonly context: Context = 'upstream'
  readonly parent: Level
  readonly own: (object | undefined)[] = []
  readonly group: Group

  constructor(parent: Level, group: Group) {
    this.parent = parent
    this.group = group
  }
}

/** `owner` is the upstream module, which knows the block's own settings. */
export function readUpstream(
  cf: ConfigCursor,
  groups: GroupRegistry,
  owner: { readonly id: number; readonly defaults: Readonly<UpstreamConf> },
): void {
  const name = cf.args[1] ?? ''
  const place = parseHostText(name, 0)
  if (typeof place === 'string') cf.fail(`${place} in upstream "${name}"`)
  const group = new Group(name)
  if (!groups.addBlock(group)) cf.fail(`duplicate upstream "${name}"`)
  const level = new UpstreamLevel(cf.level, group)
  cf.block(level)
  if (group.servers.length === 0) cf.fail('no servers are inside upstream')
  const conf = { ...owner.defaults, ...ownOf<UpstreamConf>(level, owner) }
  group.keepalive = {
    size: conf.keepaliveSize,
    requests: conf.keepaliveRequests,
    timeMs: conf.keepaliveTime,
    timeoutMs: conf.keepaliveTimeout,
  }
}

/** `server ADDRESS [parameters]` */
export function addServer(cf: ConfigCursor): void {
  const { level } = cf
  if (!(level instanceof UpstreamLevel)) throw new Error('server outside an upstream block')
  const [, text = '', ...words] = cf.args
  const parameters = parseParameters(cf, words)
  const place = parseHostText(text, 80)
  if (typeof place === 'string') cf.fail(`${place} in upstream "${text}"`)
  const addresses = addressesOf(place, (host) => cf.resolveHost(host))
  if (addresses === undefined) cf.fail(`host not found in upstream "${text}"`)
  level.group.servers.push({ addresses, parameters })
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function parseParameters(cf: ConfigCursor, words: readonly string[]): PeerParameters {
  const parameters: Writable<PeerParameters> = { ...DEFAULT_PARAMETERS }
  for (const word of words) {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    const value = equals < 0 ? undefined : word.slice(equals + 1)
    const invalid = (): never => cf.fail(`invalid parameter "${word}"`)
    if (value === undefined) {
      if (name === 'backup') parameters.backup = true
      else if (name === 'down') parameters.down = true
      else if (name === 'resolve' || name === 'drain') cf.fail(`parameter "${name}" is not supported yet`)
      else invalid()
    } else if (name === 'weight') parameters.weight = parseInteger(value) || invalid()
    else if (name === 'max_conns') parameters.maxConns = parseInteger(value) ?? invalid()
    else if (name === 'max_fails') parameters.maxFails = parseInteger(value) ?? invalid()
    else if (name === 'fail_timeout') parameters.failTimeoutSec = parseTimeSec(value) ?? invalid()
    else if (name === 'route' || name === 'service') cf.fail(`parameter "${name}" is not supported yet`)
    else invalid()
  }
  return parameters
}

/** `keepalive CONNECTIONS [local]` */
export function setKeepalive(cf: ConfigCursor, own: Partial<UpstreamConf>): void {
  const [directive = '', text = '', mode] = cf.args
  if (own.keepaliveSize !== undefined) cf.failDirective('is duplicate')
  const size = parseInteger(text)
  if (size === undefined) cf.fail(`invalid value "${text}" in "${directive}" directive`)
  if (mode !== undefined && mode !== 'local') cf.fail(`invalid parameter "${mode}"`)
  own.keepaliveSize = size
}
