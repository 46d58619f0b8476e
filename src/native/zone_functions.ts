// The addon's functions on zones: limit_req, limit_conn, and what a resize needs. The text of src/native/addon.ts applies.

/** A mapped limit_req zone. Opaque; stays mapped until it is garbage collected and no compiled limit refers to it. */
export interface LimitReqZone {
  readonly __limitReqZone: never
}

/**
 * A zone that lies in a file. `fd` is the caller's, for processes that inherit it; the lock that tells others that the file
 * is in use lasts until all copies of the descriptor are closed and all their mappings are gone. `created`: there was none; `shared`: others use it; `recovered`: nobody
 * used it, so whatever a crash or a reboot left behind was put in order; `resized`: the same, and it had another size;
 * `replaced`: it was no usable zone any more (`problem` says why), and is a new, empty one now.
 */
export interface ZoneFile {
  readonly zone: LimitReqZone
  readonly fd: number
  readonly origin: 'created' | 'shared' | 'recovered' | 'resized' | 'replaced'
  /** Empty unless `replaced`. */
  readonly problem: string
}

/** Counters of a zone since it was created, over all processes. */
export interface ZoneStats {
  readonly passed: number
  readonly delayed: number
  readonly rejected: number
  readonly delayedDryRun: number
  readonly rejectedDryRun: number
  readonly nodes: number
  readonly evictedIdle: number
  readonly evictedInDebt: number
  readonly allocationFailures: number
  readonly lockSpins: number
  readonly lockSleeps: number
  readonly repairs: number
  readonly shards: number
}

/** A mapped limit_conn zone. Opaque; stays mapped until it is garbage collected and nothing refers to it any more. */
export interface LimitConnZone {
  readonly __limitConnZone: never
}

/** Figures of a limit_conn zone over all processes: counters since it was created, and what there is now. */
export interface ConnZoneStats {
  readonly passed: number
  /** Those for lack of memory included. */
  readonly rejected: number
  readonly rejectedDryRun: number
  readonly allocationFailures: number
  /** Connections that a dead process held. */
  readonly returned: number
  readonly lockSpins: number
  readonly lockSleeps: number
  readonly repairs: number
  /** Held now. */
  readonly connections: number
  /** Pairs of a key and a process that holds connections under it, now. */
  readonly nodes: number
  /** Processes that hold connections, or have held some and live, now. */
  readonly owners: number
}

/** Zones of limit_req, and of the library. */
export interface ReqZoneFunctions {
  /**
   * Formats fresh shared memory as a zone; with `older`, as one that can succeed it, with that one's name and key. Throws
   * an Error with code ERR_ZONE when the size does not fit.
   */
  createLimitReqZone(fd: number, sizeBytes: number, name: string, keyText: string, older?: LimitReqZone): LimitReqZone
  /**
   * Maps and validates (magic, layout version, size, name) a zone that another process formatted. Throws an Error with
   * code ERR_ZONE when it is another one.
   */
  attachLimitReqZone(fd: number, sizeBytes: number, name: string): LimitReqZone
  /**
   * Opens the zone in the file at `path` (latin1: bytes), or makes it: mode 0600, all of it reserved. Processes that do so
   * at the same time end up with the same zone. A file of another size or layout that nobody uses is replaced, the size with
   * what it kept as far as it fits; or with `keepOther` refused. Throws an Error with code ERR_ZONE and a text that names the
   * path for a file that is not to be used: no zone, another name, key or size, a link, another user's, open to others;
   * NativeError when the system refuses.
   */
  openLimitReqZoneFile(path: string, sizeBytes: number, name: string, keyText: string, keepOther: boolean): ZoneFile
  /**
   * From now on `zone` knows where its keys move, or have moved to: they are asked for there as soon as they have. Replaces
   * an earlier successor to which nothing has moved. TypeError unless that one was made for this zone.
   */
  setLimitReqSuccessor(zone: LimitReqZone, successor: LimitReqZone): void
  /**
   * Moves all keys to the successor, as far as they fit: those that owe something first, then the youngest. Whoever asks for
   * a key waits meanwhile. All processes that use the zone must know the successor: see claimZone.
   */
  moveZone(zone: LimitReqZone): { readonly moved: number; readonly dropped: number }
  /** Once all has moved: the object becomes the successor, and its own memory is unmapped. False before. */
  followZone(zone: LimitReqZone): boolean
  /**
   * Gives the memory up at once, and with it the lock on its file. Whoever still asks for a key finds an empty zone that has
   * no room.
   */
  releaseZone(zone: LimitReqZone): void
  /** The zone's number as a successor: above 0. */
  zoneMark(zone: LimitReqZone): number
  /**
   * Notes in the zone what the wall clock says, from which its time goes on after a reboot. Opening does it; a process that
   * runs for long does it now and then, since the wall clock may be set.
   */
  noteZoneClock(zone: LimitReqZone): void
  /**
   * After `pid` died: takes over any of the zone's locks that it held, repairs if it was inside a change. True if it
   * held one.
   */
  forceUnlockZone(zone: LimitReqZone, pid: number): boolean
  zoneStats(zone: LimitReqZone): ZoneStats
  /**
   * Walks tree, queue and slab of every shard under its lock; returns the text of the first broken invariant or
   * undefined.
   */
  checkZone(zone: LimitReqZone): string | undefined
  /** About how many keys of `keyLength` bytes fit into a zone of `sizeBytes`. */
  zoneCapacity(sizeBytes: number, keyLength: number): number
}

/** Who uses a zone (native/os/zone_use.h), and files that get their name later. */
export interface ZoneUseFunctions {
  /**
   * A descriptor for a process that is to map the zone behind `fd`; until its last copy and mapping are gone it says that
   * the zone is used by somebody who knows the successor of this mark, or with mark 0 none.
   */
  openZoneUse(fd: number, mark: number): number
  /** Changes what the descriptor says, and all its copies. */
  setZoneUse(fd: number, mark: number): void
  /**
   * True if all others that use the zone know the successor of this mark; then nobody else can begin to use it until the
   * claim is given up or the descriptor, with all copies, closed.
   */
  claimZone(fd: number, mark: number): boolean
  giveUpClaim(fd: number, mark: number): void
  /** A new file for a zone, which does not have its name yet, and a temporary one only where it needs one. */
  createZoneFile(path: string, sizeBytes: number): { readonly fd: number; readonly temporary: string }
  /** Gives such a file its name, in place of the one that has it now. The descriptor stays the caller's. */
  replaceZoneFile(path: string, fd: number, temporary: string): void
  /** The same, and fails with EEXIST if there is a file of that name. The temporary name is gone either way. */
  publishZoneFile(path: string, fd: number, temporary: string): void
}

/** Zones of limit_conn. */
export interface ConnZoneFunctions {
  /** As createLimitReqZone. */
  createLimitConnZone(
    fd: number,
    sizeBytes: number,
    name: string,
    keyText: string,
    older?: LimitConnZone,
  ): LimitConnZone
  /** As attachLimitReqZone. */
  attachLimitConnZone(fd: number, sizeBytes: number, name: string): LimitConnZone
  /** As setLimitReqSuccessor: connections are counted there once the zone is closed. */
  setLimitConnSuccessor(zone: LimitConnZone, successor: LimitConnZone): void
  /**
   * New connections are counted by the successor from now on; a key's count is the sum. All processes that use the zone
   * must know the successor: see claimZone.
   */
  closeConnZone(zone: LimitConnZone): void
  /** Once it is closed and holds no connection any more: as followZone. */
  followConnZone(zone: LimitConnZone): boolean
  connZoneMark(zone: LimitConnZone): number
  /** After `pid` died: takes the zone's lock over if it held it, repairs if it was inside a change. True if it held it. */
  forceUnlockConnZone(zone: LimitConnZone, pid: number): boolean
  /** After `pid` died: gives back all connections that it held. Returns how many these were. */
  returnHolds(zone: LimitConnZone, pid: number): number
  /** The same for all processes that exist no more; asks the system about each. */
  returnDeadHolds(zone: LimitConnZone): number
  connZoneStats(zone: LimitConnZone): ConnZoneStats
  /** Walks tree, queues and slab under the lock; returns the text of the first broken invariant or undefined. */
  checkConnZone(zone: LimitConnZone): string | undefined
  /** About how many keys of `keyLength` (1 to 255) bytes fit into a zone of `sizeBytes`, each used by one process. */
  connZoneCapacity(sizeBytes: number, keyLength: number): number
}
