// Shared memory zones over the life of a configuration: created by the first cycle that wants them, taken over by later
// ones as long as name, owner, size and file stay the same, mapped again by each worker. Each kind of zone has its format;
// the table KINDS is where an owner's name (the zone's tag) becomes native calls. A zone with a state file lives on in it
// when all processes are gone.

import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../config/error.ts'
import type { ZoneRequest } from '../config/types.ts'
import { addon, type LimitConnZone, type LimitReqZone, type ZoneFile } from '../native/addon.ts'
import { systemFailure } from './system_failure.ts'
import type { UndoList } from './undo_list.ts'

/** A zone of a cycle: what was asked for, its memory, and its mapping in this process. */
export interface OpenZone {
  readonly name: string
  readonly tag: string
  readonly sizeBytes: number
  readonly keyText: string
  readonly statePath: string | undefined
  readonly fd: number
  readonly handle: object
}

/** IPv6 addresses; a key of this length makes the smallest node, and so do all shorter ones. */
const TYPICAL_KEY_BYTES = 16

interface ZoneKind {
  /** Word of nginx's message about a key that a reload has changed. */
  readonly word: string
  create(fd: number, request: ZoneRequest): object
  /** Opens or makes the zone in its state file; only kinds whose state may outlive the processes. */
  openFile?(path: string, request: ZoneRequest): ZoneFile
  /** About how many keys fit; only kinds that evict when they are full. */
  capacity?(sizeBytes: number): number
  attach(fd: number, zone: Pick<ZoneRequest, 'name' | 'sizeBytes'>): object
  /** After `pid` died: frees its locks and gives back what it held. True when it held a lock. */
  recover(handle: object, pid: number): boolean
}

const KINDS: Readonly<Record<string, ZoneKind>> = {
  limit_req: {
    word: 'limit_req',
    create: (fd, { sizeBytes, name, keyText = '' }) => addon.createLimitReqZone(fd, sizeBytes, name, keyText),
    openFile: (path, { sizeBytes, name, keyText = '' }) =>
      addon.openLimitReqZoneFile(path, sizeBytes, name, keyText, false),
    capacity: (sizeBytes) => addon.zoneCapacity(sizeBytes, TYPICAL_KEY_BYTES),
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

export interface OpenZonesOptions {
  readonly undo: UndoList
  /** Told of a state file that was no usable zone any more and has been started anew. */
  readonly onWarning: (text: string) => void
  /** `-t`: state files stay as they are, or as absent as they are. */
  readonly testing?: boolean
}

/** Creates or takes over the zones of a new cycle and fills their handles. Throws ConfigError. */
export function openZones(
  requests: Iterable<ZoneRequest>,
  old: readonly OpenZone[],
  options: OpenZonesOptions,
): OpenZone[] {
  const zones: OpenZone[] = []
  for (const request of requests) {
    const same = old.find((zone) => isSame(zone, request))
    const zone = same === undefined ? createZone(request, options) : takeOver(same, request)
    request.handle = zone.handle
    zones.push(zone)
  }
  return zones
}

export const NOTE_CLOCKS_MS = 60_000

/** Notes the wall clock in zones with a state file: from there their time goes on after a reboot. To be called now and then. */
export function noteClocks(zones: Iterable<OpenZone>): void {
  for (const { statePath, handle } of zones) if (statePath !== undefined) addon.noteZoneClock(handle as LimitReqZone)
}

/** What `-t` tells of the zones, a line each. */
export function describeZones(zones: Iterable<OpenZone>): string[] {
  const lines: string[] = []
  for (const { name, tag, sizeBytes } of zones) {
    const keys = kindOf(tag).capacity?.(sizeBytes)
    if (keys !== undefined) {
      lines.push(`zone "${name}" holds about ${keys} keys of up to ${TYPICAL_KEY_BYTES} bytes`)
    }
  }
  return lines
}

/** Closes the memory of zones that no later cycle has taken over; workers that still map it keep it alive. */
export function closeZones(zones: readonly OpenZone[], kept: readonly OpenZone[]): void {
  for (const zone of zones) if (!kept.some(({ fd }) => fd === zone.fd)) addon.close(zone.fd)
}

/** Maps a zone that another master has handed over. Throws when this build cannot use it; its memory is closed then. */
export function adoptZone(zone: Omit<OpenZone, 'handle'>): OpenZone {
  try {
    return { ...zone, handle: kindOf(zone.tag).attach(zone.fd, zone) }
  } catch (error) {
    addon.close(zone.fd)
    throw error
  }
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

function isSame(zone: OpenZone, { name, tag, sizeBytes, statePath }: ZoneRequest): boolean {
  return zone.name === name && zone.tag === tag && zone.sizeBytes === sizeBytes && zone.statePath === statePath
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

function createZone(request: ZoneRequest, options: OpenZonesOptions): OpenZone {
  const { name, tag, sizeBytes, keyText = '', statePath } = request
  const { fd, handle } =
    statePath === undefined ? createMemory(request, options) : openFile(request, statePath, options)
  return { name, tag, sizeBytes, keyText, statePath, fd, handle }
}

function createMemory(request: ZoneRequest, { undo }: OpenZonesOptions): { fd: number; handle: object } {
  const { name, tag, sizeBytes } = request
  try {
    const fd = addon.createSharedMemory(name, sizeBytes)
    undo.add(() => addon.close(fd))
    return { fd, handle: kindOf(tag).create(fd, request) }
  } catch (error) {
    throwRefusal(error)
    const { syscall = 'mmap' } = error as NodeJS.ErrnoException
    throw systemFailure(`${syscall}() of ${sizeBytes} bytes for shared memory zone "${name}" failed`, error)
  }
}

function openFile(request: ZoneRequest, path: string, options: OpenZonesOptions): { fd: number; handle: object } {
  const { name, tag, sizeBytes } = request
  if (options.testing === true) {
    expectWritable(path)
    return createMemory(request, options)
  }
  const open = kindOf(tag).openFile
  if (open === undefined) throw new TypeError(`zones of "${tag}" have no state file`)
  try {
    const { fd, zone, problem } = open(path, request)
    options.undo.add(() => addon.close(fd))
    if (problem !== '') options.onWarning(`zone "${name}" starts empty: ${problem}`)
    return { fd, handle: zone }
  } catch (error) {
    throwRefusal(error)
    const { syscall = 'open' } = error as NodeJS.ErrnoException
    throw systemFailure(`${syscall}() of ${sizeBytes} bytes for state file "${path}" failed`, error)
  }
}

/** Files are made, and replaced, in their folder. */
function expectWritable(path: string): void {
  try {
    accessSync(Buffer.from(dirname(path), 'latin1'), constants.W_OK)
  } catch (error) {
    throw systemFailure(`open() of state file "${path}" failed`, error)
  }
}

/** Throws the zone's own refusal (too small, for example) as a mistake of the configuration; not the system's. */
function throwRefusal(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code === 'ERR_ZONE') throw new ConfigError((error as Error).message)
}

function kindOf(tag: string): ZoneKind {
  const kind = KINDS[tag]
  if (kind === undefined) throw new TypeError(`zones of "${tag}" have no format`)
  return kind
}
