// Shared memory zones over the life of a configuration: created by the first cycle that wants them, taken over by later
// ones as long as name, owner, size and file stay the same, mapped again by each worker. Where only the size or the file
// changes, what they keep goes over to new memory (zone_resize.ts). A zone with a state file lives on in it when all
// processes are gone.

import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../config/error.ts'
import type { ZoneRequest } from '../config/types.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { addon, type LimitReqZone } from '../native/addon.ts'
import { systemFailure } from './system_failure.ts'
import type { UndoList } from './undo_list.ts'
import { kindOf, TYPICAL_KEY_BYTES } from './zone_kinds.ts'
import { chainOf, closeZone, isChainFull, linkChain, type OpenZone, zoneInForce } from './zone_resize.ts'

export type { OpenZone }

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
    const zone = openZone(request, old, options)
    request.handle = chainOf(zone)[0]!.handle
    zones.push(zone)
  }
  return zones
}

export const NOTE_CLOCKS_MS = 60_000

/** Notes the wall clock in zones with a state file: from there their time goes on after a reboot. To be called now and then. */
export function noteClocks(zones: Iterable<OpenZone>): void {
  for (const { statePath, handle } of allOf(zones)) {
    if (statePath !== undefined) addon.noteZoneClock(handle as LimitReqZone)
  }
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
export function closeZones(zones: readonly OpenZone[], kept: readonly OpenZone[], log?: ErrorLog): void {
  const keptFds = new Set(allOf(kept).map(({ fd }) => fd))
  for (const zone of allOf(zones)) if (!keptFds.has(zone.fd)) closeZone(zone, log)
}

/** A zone as another master hands it over: `older` first. */
export type ZoneRecord = Omit<OpenZone, 'handle' | 'older'> & { readonly older?: ZoneRecord | undefined }

/** Maps a zone that another master has handed over. Throws when this build cannot use it; its memory is closed then. */
export function adoptZone({ older: olderRecord, ...zone }: ZoneRecord): OpenZone {
  let older: OpenZone | undefined
  try {
    if (olderRecord !== undefined) older = adoptOlder(olderRecord)
    const handle = kindOf(zone.tag).attach(zone.fd, zone)
    if (older !== undefined) linkChain(zone.tag, [older.handle, handle])
    return { ...zone, handle, older }
  } catch (error) {
    addon.close(zone.fd)
    if (older !== undefined) closeZones([older], [])
    throw error
  }
}

/** Without what is left of an old zone, of which this build makes nothing, the one in force still counts. */
function adoptOlder(record: ZoneRecord): OpenZone | undefined {
  try {
    return adoptZone(record)
  } catch (error) {
    if (record.superseded !== true) throw error
    return undefined
  }
}

/** After `pid` died: frees what it had locked and gives back what it held. Returns the names of the zones it had locked. */
export function recoverZones(zones: Iterable<OpenZone>, pid: number): string[] {
  const locked = new Set<string>()
  for (const { tag, name, handle } of new Set(allOf(zones))) if (kindOf(tag).recover(handle, pid)) locked.add(name)
  return [...locked]
}

function allOf(zones: Iterable<OpenZone>): OpenZone[] {
  return [...zones].flatMap(chainOf)
}

function openZone(request: ZoneRequest, old: readonly OpenZone[], options: OpenZonesOptions): OpenZone {
  const before = old.find(({ name, tag }) => name === request.name && tag === request.tag)
  if (before === undefined) return createZone(request, options)
  // A zone that is not in force yet has nothing that anybody would miss.
  const same = [before, zoneInForce(before)].find((zone) => isSame(zone, request))
  if (same !== undefined) return takeOver(same, request)
  const older = zoneInForce(before)
  return canSucceed(request, older) ? createSuccessor(request, older, options) : createZone(request, options)
}

function isSame(zone: OpenZone, { sizeBytes, statePath }: ZoneRequest): boolean {
  return zone.sizeBytes === sizeBytes && zone.statePath === statePath
}

/** With another key it is another zone, as in nginx; and a state file that is there already has a state of its own. */
function canSucceed({ keyText = '', statePath }: ZoneRequest, older: OpenZone): boolean {
  if (keyText !== older.keyText) return false
  return statePath === undefined || statePath === older.statePath || !existsSync(Buffer.from(statePath, 'latin1'))
}

function createSuccessor(request: ZoneRequest, older: OpenZone, options: OpenZonesOptions): OpenZone {
  const { name, tag, sizeBytes, keyText = '', statePath } = request
  if (isChainFull(older)) {
    throw new ConfigError(
      `zone "${name}" cannot be resized again while connections are held that were counted before it was last resized`,
    )
  }
  const memory =
    statePath === undefined ? createMemory(request, options, older) : createFile(request, statePath, options, older)
  return { name, tag, sizeBytes, keyText, statePath, older, ...memory }
}

/** A state file that will replace the one that is there. */
function createFile(
  request: ZoneRequest,
  path: string,
  { undo }: OpenZonesOptions,
  older: OpenZone,
): { fd: number; handle: object; temporary: string } {
  try {
    const { fd, temporary } = addon.createZoneFile(path, request.sizeBytes)
    undo.add(() => closeZone({ fd, temporary }))
    return { fd, temporary, handle: kindOf(request.tag).create(fd, request, older.handle) }
  } catch (error) {
    throwRefusal(error)
    const { syscall = 'open' } = error as NodeJS.ErrnoException
    throw systemFailure(`${syscall}() of ${request.sizeBytes} bytes for state file "${path}" failed`, error)
  }
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

function createMemory(
  request: ZoneRequest,
  { undo }: OpenZonesOptions,
  older?: OpenZone,
): { fd: number; handle: object } {
  const { name, tag, sizeBytes } = request
  try {
    const fd = addon.createSharedMemory(name, sizeBytes)
    undo.add(() => addon.close(fd))
    return { fd, handle: kindOf(tag).create(fd, request, older?.handle) }
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
  if ((error as NodeJS.ErrnoException).code !== 'ERR_ZONE') return
  // Without the name of the native function.
  throw new ConfigError((error as Error).message.replace(/^\w+: (?=shared memory zone)/, ''))
}
