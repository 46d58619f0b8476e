// The kinds of zones: what an owner's name (the zone's tag) means in native calls.

import type { ZoneRequest } from '../config/types.ts'
import { addon, type LimitConnZone, type LimitReqZone, type ZoneFile } from '../native/addon.ts'

/** IPv6 addresses; a key of this length makes the smallest node, and so do all shorter ones. */
export const TYPICAL_KEY_BYTES = 16

export interface ZoneKind {
  /** Word of nginx's message about a key that a reload has changed. */
  readonly word: string
  /** With `older`: as one that can succeed it. */
  create(fd: number, request: ZoneRequest, older?: object): object
  /** Opens or makes the zone in its state file; only kinds whose state may outlive the processes. */
  openFile?(path: string, request: ZoneRequest): ZoneFile
  /** About how many keys fit; only kinds that evict when they are full. */
  capacity?(sizeBytes: number): number
  attach(fd: number, zone: Pick<ZoneRequest, 'name' | 'sizeBytes'>): object
  /** After `pid` died: frees its locks and gives back what it held. True when it held a lock. */
  recover(handle: object, pid: number): boolean
  /** Gives back what processes held that exist no more; only kinds where something is held. */
  returnDead?(handle: object): void
  /** From now on the handle knows its successor. */
  link(handle: object, successor: object): void
  /** A number by which a zone is told from other successors. */
  mark(handle: object): number
  /** Puts the successor in force, and tells what has come of it. All users of the zone must know the successor. */
  supersede(handle: object): string
  /** Once nothing is left in a superseded zone: the handle goes over to the successor. False before. */
  follow(handle: object): boolean
}

const KINDS: Readonly<Record<string, ZoneKind>> = {
  limit_req: {
    word: 'limit_req',
    create: (fd, { sizeBytes, name, keyText = '' }, older) =>
      addon.createLimitReqZone(fd, sizeBytes, name, keyText, older as LimitReqZone | undefined),
    openFile: (path, { sizeBytes, name, keyText = '' }) =>
      addon.openLimitReqZoneFile(path, sizeBytes, name, keyText, false),
    capacity: (sizeBytes) => addon.zoneCapacity(sizeBytes, TYPICAL_KEY_BYTES),
    attach: (fd, { sizeBytes, name }) => addon.attachLimitReqZone(fd, sizeBytes, name),
    recover: (handle, pid) => addon.forceUnlockZone(handle as LimitReqZone, pid),
    link: (handle, successor) => addon.setLimitReqSuccessor(handle as LimitReqZone, successor as LimitReqZone),
    mark: (handle) => addon.zoneMark(handle as LimitReqZone),
    supersede: (handle) => {
      const { moved, dropped } = addon.moveZone(handle as LimitReqZone)
      return `${moved} keys have moved, ${dropped} did not fit`
    },
    follow: (handle) => addon.followZone(handle as LimitReqZone),
  },
  limit_conn: {
    word: 'limit_conn_zone',
    create: (fd, { sizeBytes, name, keyText = '' }, older) =>
      addon.createLimitConnZone(fd, sizeBytes, name, keyText, older as LimitConnZone | undefined),
    attach: (fd, { sizeBytes, name }) => addon.attachLimitConnZone(fd, sizeBytes, name),
    recover: (handle, pid) => {
      const zone = handle as LimitConnZone
      const locked = addon.forceUnlockConnZone(zone, pid)
      addon.returnHolds(zone, pid)
      return locked
    },
    returnDead: (handle) => addon.returnDeadHolds(handle as LimitConnZone),
    link: (handle, successor) => addon.setLimitConnSuccessor(handle as LimitConnZone, successor as LimitConnZone),
    mark: (handle) => addon.connZoneMark(handle as LimitConnZone),
    supersede: (handle) => {
      addon.closeConnZone(handle as LimitConnZone)
      return 'connections of before count until they end'
    },
    follow: (handle) => addon.followConnZone(handle as LimitConnZone),
  },
}

export function kindOf(tag: string): ZoneKind {
  const kind = KINDS[tag]
  if (kind === undefined) throw new TypeError(`zones of "${tag}" have no format`)
  return kind
}
