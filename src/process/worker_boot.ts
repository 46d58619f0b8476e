// The birth of a worker: descriptors and snapshot become a configuration with open zones, logs and sockets. The other side
// of spawn.ts. Whatever fails here would fail for the next worker too.

import { SnapshotSource } from '../config/source.ts'
import type { ListenRequest } from '../config/types.ts'
import { addon } from '../native/addon.ts'
import { type Configuration, readConfiguration } from './configuration.ts'
import { Peers } from './peers.ts'
import { MAX_PROCESSES } from './process_table.ts'
import { readSnapshot } from './snapshot.ts'
import { COUNTERS_FD, FIRST_RESOURCE_FD, SNAPSHOT_FD, type WorkerBoot } from './spawn.ts'
import { attachChain } from './zone_resize.ts'

export interface WorkerState {
  readonly boot: WorkerBoot
  readonly configuration: Configuration
  readonly sockets: readonly WorkerSocket[]
  readonly counters: Int32Array
  readonly peers: Peers
  readonly daemonised: boolean
}

export interface WorkerSocket {
  readonly request: ListenRequest
  readonly fd: number
  /** No sibling accepts on it. */
  readonly isOwn: boolean
}

/** Takes over what the master has passed. Throws an Error (or a ConfigError) when it does not fit together. */
export function bootWorker(boot: WorkerBoot): WorkerState {
  addon.setCloexecFrom(3)
  const snapshot = readSnapshot(SNAPSHOT_FD)
  addon.close(SNAPSHOT_FD)
  const configuration = readConfiguration(snapshot.options, new SnapshotSource(snapshot.source))
  const { zones, files, listens } = configuration.parsed.resources
  checkNames('zones', [...zones.keys()], snapshot.zones)
  checkNames('log files', [...files.keys()], snapshot.files)
  checkNames(
    'listening sockets',
    listens.map(({ text }) => text),
    snapshot.listens,
  )

  let next = FIRST_RESOURCE_FD
  const sockets = boot.listens.map(([place, isOwn]) => ({ request: listens[place]!, fd: next++, isOwn }))
  for (const [index, zone] of [...zones.values()].entries()) {
    zone.handle = attachChain(zone, boot.olderZones[index] ?? [], () => next++)
  }
  for (const file of files.values()) file.fd = next++
  const peers = new Peers()
  for (const [slot, pid] of boot.peers) peers.open(slot, pid, next++)

  const counters = new Int32Array(addon.mapShared(COUNTERS_FD, MAX_PROCESSES * Int32Array.BYTES_PER_ELEMENT))
  addon.close(COUNTERS_FD)
  return { boot, configuration, sockets, counters, peers, daemonised: snapshot.daemonised }
}

/** Descriptors are matched by order alone: if the order were another, a worker would write its log into a zone. */
function checkNames(what: string, own: readonly string[], masters: readonly string[]): void {
  if (own.length !== masters.length || own.some((name, index) => name !== masters[index])) {
    throw new Error(`${what} of the worker (${own.join(', ')}) are not those of the master (${masters.join(', ')})`)
  }
}
