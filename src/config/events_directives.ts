// The `events` block: how many connections a worker holds and how it accepts them. All of nginx's directives are read
// and checked. Without effect are `use` (libuv chooses), `multi_accept` and `accept_mutex*`: the acceptor spreads connections
// in its own way.

import { parseNetwork } from './cidr.ts'
import { slotsFor } from './slots.ts'
import type { ConfigCursor, ConfigOwner, Directive } from './types.ts'
import { parseInteger } from './units.ts'

export interface EventsConf {
  /** Connections (clients, upstreams, listening sockets) that one worker may have. */
  workerConnections: number
  /** libuv chooses the method; on Linux that is what nginx calls epoll. */
  use: 'epoll'
  multiAccept: boolean
  acceptMutex: boolean
  acceptMutexDelayMs: number
  /** Clients whose connections are logged at level debug: `unix:`, addresses and networks, host names resolved. */
  debugConnections: readonly string[]
}

const defaults: Readonly<EventsConf> = Object.freeze({
  workerConnections: 512,
  use: 'epoll',
  multiAccept: false,
  acceptMutex: false,
  acceptMutexDelayMs: 500,
  debugConnections: [],
})

const EVENTS = ['events'] as const
const slot = slotsFor<EventsConf>()

const directives: Readonly<Record<string, Directive<EventsConf>>> = {
  worker_connections: { in: EVENTS, args: 1, set: setWorkerConnections },
  use: { in: EVENTS, args: 1, set: setUse },
  multi_accept: slot.flag(EVENTS, 'multiAccept'),
  accept_mutex: slot.flag(EVENTS, 'acceptMutex'),
  accept_mutex_delay: slot.timeMs(EVENTS, 'acceptMutexDelayMs'),
  debug_connection: { in: EVENTS, args: 1, set: addDebugConnection },
}

export const events = { id: 1, name: 'events', defaults, directives } satisfies ConfigOwner & { defaults: EventsConf }

function setWorkerConnections(cf: ConfigCursor, own: Partial<EventsConf>): void {
  if (own.workerConnections !== undefined) cf.failDirective('is duplicate')
  const text = cf.args[1] ?? ''
  own.workerConnections = parseInteger(text) ?? cf.fail(`invalid number "${text}"`)
}

function setUse(cf: ConfigCursor, own: Partial<EventsConf>): void {
  if (own.use !== undefined) cf.failDirective('is duplicate')
  const method = cf.args[1] ?? ''
  if (method !== 'epoll') cf.fail(`invalid event type "${method}"`)
  own.use = method
}

function addDebugConnection(cf: ConfigCursor, own: Partial<EventsConf>): void {
  own.debugConnections = [...(own.debugConnections ?? []), ...debugNetworks(cf, cf.args[1] ?? '')]
}

function debugNetworks(cf: ConfigCursor, text: string): readonly string[] {
  if (text === 'unix:') return [text]
  const network = parseNetwork(text)
  if (network === undefined) return cf.resolveHost(text) ?? cf.fail(`host not found in debug_connection "${text}"`)
  if (network.hadLowBits) cf.warn(`low address bits of ${text} are meaningless`)
  return [text]
}
