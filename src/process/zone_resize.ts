// A zone whose size a reload changes. The new zone is made beside the old one, which stays in force until everybody who
// uses it knows the new one: until the last worker of the old generation is gone, and after a binary upgrade the old
// master, too. So nobody ever limits by a zone of his own. Then the master puts the new one in force:
//
//   limit_req    moves the keys, a shard at a time; the old memory is given up at once
//   limit_conn   closes the old zone: new connections are counted in the new one, and the old one is given up when the
//                last connection of before has ended. Until then a key's count is the sum of both.
//
// In between a zone is a chain, oldest first, and workers get all of it. Who uses what the kernel knows
// (native/os/zone_use.h); no process is asked.

import { fstatSync, statSync, unlinkSync } from 'node:fs'
import type { ZoneRequest } from '../config/types.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, type LogLevel, NOTICE } from '../log/levels.ts'
import { addon, type LimitReqZone } from '../native/addon.ts'
import { systemFailure } from './system_failure.ts'
import { kindOf } from './zone_kinds.ts'

/** A zone of a cycle: what was asked for, its memory, and its mapping in this process. */
export interface OpenZone {
  readonly name: string
  readonly tag: string
  readonly sizeBytes: number
  readonly keyText: string
  readonly statePath: string | undefined
  /** -1 once it is closed. */
  fd: number
  readonly handle: object
  /** What it takes over from and that is still in use; by whom, and until when, says zone_resize.ts. */
  older?: OpenZone | undefined
  /** Its successor is in force. */
  superseded?: boolean | undefined
  /** A state file that gets its name when the zone is in force: the name that it has until then, or ''. */
  temporary?: string | undefined
  /** What was last logged of a resize that has to wait. */
  complaint?: string | undefined
}

/** How often it is looked whether a resize can go on, where no death of a worker tells. */
export const SETTLE_MS = 1000

/** Zones of one name that are in use at the same time; the native side has room for so many. */
const MAX_CHAIN = 4

/** The zone and what it takes over from, oldest first. */
export function chainOf(zone: OpenZone): OpenZone[] {
  return zone.older === undefined ? [zone] : [...chainOf(zone.older), zone]
}

/** Whose state counts: the zone itself, or while it is not in force yet the one before. */
export function zoneInForce(zone: OpenZone): OpenZone {
  return zone.older !== undefined && !zone.older.superseded ? zone.older : zone
}

/** Whether a zone can get a successor beside those that it still has itself. */
export function isChainFull(zone: OpenZone): boolean {
  return chainOf(zone).length >= MAX_CHAIN
}

/** What each descriptor of a zone's chain says of its user. */
function marksOf(chain: readonly OpenZone[]): number[] {
  return chain.map((_, index) => {
    const next = chain[index + 1]
    return next === undefined ? 0 : kindOf(next.tag).mark(next.handle)
  })
}

/** Descriptors of a zone's whole chain for another process, which uses it as this one does. The caller closes them. */
export function openZoneUses(zone: OpenZone): number[] {
  const chain = chainOf(zone)
  const marks = marksOf(chain)
  const uses: number[] = []
  try {
    for (const [index, { fd }] of chain.entries()) uses.push(addon.openZoneUse(fd, marks[index]!))
  } catch (error) {
    for (const fd of uses) addon.close(fd)
    throw error
  }
  return uses
}

/**
 * Says that this process, too, uses the zones of a configuration as it is in force. A failure is an alert only: those who
 * decide by a zone are the workers, who say so themselves.
 */
export function useZones(zones: Iterable<OpenZone>, log: ErrorLog): void {
  for (const zone of zones) {
    const chain = chainOf(zone)
    const marks = marksOf(chain)
    try {
      for (const [index, { fd }] of chain.entries()) addon.setZoneUse(fd, marks[index]!)
    } catch (error) {
      log.write(ALERT, systemFailure(`zone "${zone.name}" could not be marked as used`, error).message)
    }
  }
}

/** Attaches a chain in a process that has inherited it. The oldest zone's handle stands for all. */
export function attachChain(request: ZoneRequest, olderSizes: readonly number[], takeFd: () => number): object {
  const kind = kindOf(request.tag)
  const handles = [...olderSizes, request.sizeBytes].map((sizeBytes) => {
    const fd = takeFd()
    // The mapping keeps what the descriptor says of its user.
    try {
      return kind.attach(fd, { name: request.name, sizeBytes })
    } finally {
      addon.close(fd)
    }
  })
  linkChain(request.tag, handles)
  return handles[0]!
}

export function linkChain(tag: string, handles: readonly object[]): void {
  for (const [index, handle] of handles.entries()) {
    const next = handles[index + 1]
    if (next !== undefined) kindOf(tag).link(handle, next)
  }
}

/**
 * Puts zones in force that wait for it, if they can be, and gives up what is left of others. True if an old zone was given
 * up: whoever maps it may go over to its successor. `isAlone`: all processes of this instance know the successors. What
 * fails is logged, to be tried again.
 */
export function settleZones(zones: Iterable<OpenZone>, log: ErrorLog, isAlone: boolean): boolean {
  let isGivenUp = false
  for (const zone of zones) {
    try {
      const { older } = zone
      if (older !== undefined && !older.superseded) supersede(older, zone, log, isAlone)
      while (giveUpOldest(zone, log)) isGivenUp = true
    } catch (error) {
      complain(zone, ALERT, `zone "${zone.name}" cannot be resized yet: ${(error as Error).message}`, log)
    }
  }
  return isGivenUp
}

/** The oldest first: the others know each other by it. False when there is none, or it is still in use. */
function giveUpOldest(zone: OpenZone, log: ErrorLog): boolean {
  const [oldest, next] = chainOf(zone)
  if (oldest?.superseded !== true || next === undefined) return false
  const kind = kindOf(oldest.tag)
  // Nobody else may notice what died without its master.
  kind.returnDead?.(oldest.handle)
  if (!kind.follow(oldest.handle)) return false
  next.older = undefined
  closeZone(oldest, log)
  return true
}

/** Once, although it is found again and again. */
function complain(zone: OpenZone, level: LogLevel, text: string, log: ErrorLog): void {
  if (zone.complaint === text) return
  zone.complaint = text
  log.write(level, text)
}

/** In a worker: gives up old memory that is not in use any more. */
export function followZones(requests: Iterable<ZoneRequest>): void {
  for (const { tag, handle } of requests) {
    if (handle === undefined) continue
    const kind = kindOf(tag)
    while (kind.follow(handle)) {}
  }
}

/** Closes a zone's descriptor, once; a file that never got its name goes with it. */
export function closeZone(zone: Pick<OpenZone, 'fd' | 'temporary'>, log?: ErrorLog): void {
  const { fd, temporary } = zone
  if (fd < 0) return
  zone.fd = -1
  addon.close(fd)
  if (temporary === undefined || temporary === '') return
  try {
    unlinkSync(Buffer.from(temporary, 'latin1'))
  } catch (error) {
    // Somebody may have tidied up the folder.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    log?.write(ALERT, systemFailure(`unlink() "${temporary}" failed`, error).message)
  }
}

/** True while a zone waits for its users. */
export function isResizing(zones: Iterable<OpenZone>): boolean {
  return [...zones].some(({ older }) => older !== undefined)
}

function supersede(older: OpenZone, zone: OpenZone, log: ErrorLog, isAlone: boolean): void {
  const { name, tag, sizeBytes } = zone
  const kind = kindOf(tag)
  const mark = kind.mark(zone.handle)
  if (!addon.claimZone(older.fd, mark)) {
    if (isAlone) complain(zone, NOTICE, `zone "${name}" is resized when other processes use it no more`, log)
    return
  }
  try {
    // Not before: a reload that fails leaves nothing behind that keeps the memory.
    kind.link(older.handle, zone.handle)
    const outcome = kind.supersede(older.handle)
    log.write(NOTICE, `zone "${name}" is in force with ${sizeBytes} bytes: ${outcome}`)
    older.superseded = true
    nameFile(zone, older, log)
  } finally {
    addon.giveUpClaim(older.fd, mark)
  }
}

/** Gives a state file its name: in place of the old zone's file, and of no other. */
function nameFile(zone: OpenZone, older: OpenZone, log: ErrorLog): void {
  const { name, statePath, temporary, fd } = zone
  if (statePath === undefined || temporary === undefined) return
  zone.temporary = undefined
  try {
    if (isFileOf(older.fd, statePath)) addon.replaceZoneFile(statePath, fd, temporary)
    else addon.publishZoneFile(statePath, fd, temporary)
    addon.noteZoneClock(zone.handle as LimitReqZone)
  } catch (error) {
    log.write(ALERT, systemFailure(`state file "${statePath}" of zone "${name}" could not be made`, error).message)
  }
}

function isFileOf(fd: number, path: string): boolean {
  const named = statSync(Buffer.from(path, 'latin1'), { bigint: true, throwIfNoEntry: false })
  const ours = fstatSync(fd, { bigint: true })
  return named?.dev === ours.dev && named.ino === ours.ino
}
