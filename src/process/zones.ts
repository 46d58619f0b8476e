// Shared memory zones over the life of a configuration: created by the first cycle that wants them, taken over by later
// ones as long as name, owner and size stay the same, mapped again by each worker. Each kind of zone has its format;
// the table KINDS is where an owner's name (the zone's tag) becomes native calls.

import { ConfigError } from '../config/error.ts'
import type { ZoneRequest } from '../config/types.ts'
import { addon, type LimitConnZone, type LimitReqZone } from '../native/addon.ts'
import { systemFailure } from './system_failure.ts'
import type { UndoList } from './undo_list.ts'

/** A zone of a cycle: what was asked for, its memory, and its mapping in this process. */
export interface OpenZone {
  readonly name: string
  readonly tag: string
  readonly sizeBytes: number
  readonly keyText: string
  readonly fd: number
  readonly handle: object
}

interface ZoneKind {
  /** Word of nginx's message about a key that a reload has changed. */
  readonly word: string
  create(fd: number, request: ZoneRequest): object
  attach(fd: number, request: ZoneRequest): object
  /** After `pid` died: frees its locks and gives back what it held. True when it held a lock. */
  recover(handle: object, pid: number): boolean
}

const KINDS: Readonly<Record<string, ZoneKind>> = {
  limit_req: {
    word: 'limit_req',
    create: (fd, { sizeBytes, name, keyText = '' }) => addon.createLimitReqZone(fd, sizeBytes, name, keyText),
    attach: (fd, { sizeBytes, name }) => addon.attachLimitReqZone(fd, sizeBytes, name),
    recover: (handle, pid) => addon.forceUnlockZone(handle as LimitReqZone, pid),
  },
  limit_conn: {
    word: 'limit_conn_zone',
    create: (fd, { sizeBytes, name, keyText = '' }) => addon.createLimitConnZone(fd, sizeBytes, name, keyText),
    attach: (fd, { sizeBytes, name }) => addon.attachLimitConnZone(fd, sizeBytes, name),
    recover: (handle, pid) => {
      const zone = handle as LimitConnZone
      const locked = addon.forceUnlockConnZone(zone, pid)
      addon.returnHolds(zone, pid)
      return locked
    },
  },
}

/** Creates or takes over the zones of a new cycle and fills their handles. Throws ConfigError. */
export function openZones(requests: Iterable<ZoneRequest>, old: readonly OpenZone[], undo: UndoList): OpenZone[] {
  const zones: OpenZone[] = []
  for (const request of requests) {
    const same = old.find((zone) => isSame(zone, request))
    const zone = same === undefined ? createZone(request, undo) : takeOver(same, request)
    request.handle = zone.handle
    zones.push(zone)
  }
  return zones
}

/** Closes the memory of zones that no later cycle has taken over; workers that still map it keep it alive. */
export function closeZones(zones: readonly OpenZone[], kept: readonly OpenZone[]): void {
  for (const zone of zones) if (!kept.some(({ fd }) => fd === zone.fd)) addon.close(zone.fd)
}

/** Maps an inherited zone in a worker. Throws what the native side throws when the memory is not that zone. */
export function attachZone(request: ZoneRequest, fd: number): void {
  request.handle = kindOf(request.tag).attach(fd, request)
}

/** After `pid` died: frees what it had locked and gives back what it held. Returns the names of the zones it had locked. */
export function recoverZones(zones: Iterable<OpenZone>, pid: number): string[] {
  const locked: string[] = []
  for (const { tag, name, handle } of zones) if (kindOf(tag).recover(handle, pid)) locked.push(name)
  return locked
}

function isSame(zone: OpenZone, { name, tag, sizeBytes }: ZoneRequest): boolean {
  return zone.name === name && zone.tag === tag && zone.sizeBytes === sizeBytes
}

function takeOver(old: OpenZone, { tag, name, keyText = '' }: ZoneRequest): OpenZone {
  // The nodes in it belong to the old key: counting other things with them would limit the wrong clients.
  if (keyText !== old.keyText) {
    throw new ConfigError(
      `${kindOf(tag).word} "${name}" uses the "${keyText}" key while previously it used the "${old.keyText}" key`,
    )
  }
  return old
}

function createZone(request: ZoneRequest, undo: UndoList): OpenZone {
  const { name, tag, sizeBytes, keyText = '' } = request
  try {
    const fd = addon.createSharedMemory(name, sizeBytes)
    undo.add(() => addon.close(fd))
    return { name, tag, sizeBytes, keyText, fd, handle: kindOf(tag).create(fd, request) }
  } catch (error) {
    // The zone's own refusal (too small, for example), not the system's.
    if ((error as NodeJS.ErrnoException).code === 'ERR_ZONE') throw new ConfigError((error as Error).message)
    const { syscall = 'mmap' } = error as NodeJS.ErrnoException
    throw systemFailure(`${syscall}() of ${sizeBytes} bytes for shared memory zone "${name}" failed`, error)
  }
}

function kindOf(tag: string): ZoneKind {
  const kind = KINDS[tag]
  if (kind === undefined) throw new TypeError(`zones of "${tag}" have no format`)
  return kind
}
