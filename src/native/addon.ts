// The typed face of the native addon (native/binding). Nothing here decides anything: every function is one
// system call, or one operation on a shared zone. Functions throw `NativeError` (code, errno, syscall) when the system
// refuses, a TypeError for wrong arguments; those on the request path return codes and never throw.

import { requireAddon } from './load.ts'

export {
  LIMIT_NAME_NO_ROOM,
  LIMIT_NAME_OTHER_ALGORITHM,
  LIMIT_NO_MEMORY,
  LIMIT_NOT_ACCOUNTED,
  LIMIT_REJECTED,
} from './limit_codes.ts'

/**
 * What the addon throws when a system call fails: Node's own system errors, but with C's positive errno, as log lines
 * print it. The message is nginx's form: `bind() failed (98: Address already in use)`.
 */
export interface NativeError extends Error {
  /** `EADDRINUSE` */
  readonly code: string
  /** 98 */
  readonly errno: number
  /** The call that failed: `bind`, `listen`, `setsockopt(SO_REUSEPORT)` ... */
  readonly syscall: string
}

/** A mapped limit_req zone. Opaque; stays mapped until it is garbage collected and no compiled limit refers to it. */
export interface LimitReqZone {
  readonly __limitReqZone: never
}

/** One limit of a location. Rate, burst and delay are nginx's ticks: 1 = 1/1000 request (spec/limit-req.md §1). */
export interface LimitSpec {
  readonly zone: LimitReqZone
  /** Ticks per second. */
  readonly rate: number
  readonly burst: number
  /** Ticks above which an accepted request is delayed; Infinity = nodelay. */
  readonly delay: number
  /** True for limit_req_dry_run: counted apart in the zone's statistics; decisions are the same. */
  readonly dryRun: boolean
}

/**
 * Decides and charges all limits of a location in one call: all or none. One latin1 string key per limit, in order; an
 * empty key, or one longer than 65535 bytes, skips its limit. Returns milliseconds to wait (>= 0) or a negative LIMIT_*
 * code. `result[0]` = excess in ticks of the deciding limit, `result[1]` = its index.
 */
export type CheckLimits = (...keys: string[]) => number

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

/** Text, of which the UTF-8 bytes count, or bytes. */
export type KeyBytes = string | Uint8Array

/** A bucket limit of the library; ticks are 1/1000 request. */
export interface BucketSpec {
  /** In front of every key: bytes as a latin1 string. */
  readonly prefix: string
  /** Ticks that drain in `periodMs`. */
  readonly rate: number
  /** Up to 2^43 - 1. */
  readonly periodMs: number
  readonly burst: number
  /** 2^53 = nodelay. */
  readonly delay: number
}

/**
 * The functions of a bucket limit. `check` and `peek` return milliseconds to wait (>= 0) or a negative LIMIT_* code, and
 * fill `result`: [0] what the bucket owes afterwards, in ticks, from -1000 (as good as new) up; [1] the index of the
 * limit that decided (checkTogether); [2] of a refused request: after how many ms it would pass, -1 = never. `cost` is in
 * requests; `rate` and `periodMs` replace those of the limit. A key that is empty or, with its prefix, longer than 65535
 * bytes is LIMIT_NOT_ACCOUNTED. A TypeError for a key that is neither text nor bytes, a RangeError for wrong numbers.
 */
export interface Bucket {
  check(key: KeyBytes, cost?: number, rate?: number, periodMs?: number): number
  peek(key: KeyBytes, cost?: number, rate?: number, periodMs?: number): number
  /** True if there was something to forget. */
  forget(key: KeyBytes): boolean
  /** Key, ticks, key, ticks ...: those with the largest debt, largest first. Locks a few pages of the zone at a time. */
  busiest(n: number): (Buffer | number)[]
}

/**
 * The functions of a window limit. `hit` and `get` return the hits in the running window; `result[0]` is the time until
 * its end in ms, for `get` 0 when none is running.
 */
export interface Window {
  /**
   * From a hit that makes more than `restartAbove` the window begins anew with its count, twice as long with each further
   * hit if `doubles` is 1.
   */
  hit(key: KeyBytes, cost?: number, restartAbove?: number, doubles?: number): number
  /** Takes hits back, never below 0. */
  decrement(key: KeyBytes, cost?: number): void
  get(key: KeyBytes): number
  forget(key: KeyBytes): boolean
  /** Forgets every key with this prefix; a few pages of the zone at a time. */
  forgetAll(): void
}

/** A mapped limit_conn zone. Opaque; stays mapped until it is garbage collected and nothing refers to it any more. */
export interface LimitConnZone {
  readonly __limitConnZone: never
}

/** One limit of a location: at most so many connections under a key, over all processes. */
export interface ConnLimitSpec {
  readonly zone: LimitConnZone
  /** 1 to 65535. */
  readonly connections: number
  /** True for limit_conn_dry_run: counted apart in the zone's statistics; decisions are the same. */
  readonly dryRun: boolean
}

/**
 * Decides all limits of a location in one call and holds a connection under every key, or under none. One latin1 string
 * key per limit, in order; an empty key, or one longer than 255 bytes, skips its limit. Returns a handle (> 0) for
 * `releaseConnections`, or a negative LIMIT_* code; then `result[0]` is the index of the limit that refused: the first
 * one in the list, those behind it were not looked at.
 */
export type AcquireConnections = (...keys: string[]) => number

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

/**
 * Stops watching and releases the event-loop handle; the descriptor stays open. Idempotent. Close the watch before its
 * descriptor: epoll cannot forget one that is closed here and open in another process, and the loop would spin.
 */
export interface Watch {
  close(): void
}

/** An address in numbers, or a path with port 0. */
export interface SocketAddress {
  readonly family: 'inet' | 'inet6' | 'unix'
  readonly address: string
  readonly port: number
}

export interface ListenOptions extends SocketAddress {
  readonly backlog: number
  readonly reuseport: boolean
  readonly ipv6only: boolean
}

/**
 * Accepts on one listening socket while started. At most `maxPerTurn` connections per event-loop turn. Keeps the event
 * loop alive while started. `stop` and `start` may be called in any order and from its callbacks; `start` throws after
 * `close`. As with Watch, close it before the descriptor.
 */
export interface Acceptor {
  start(): void
  stop(): void
  close(): void
}

/**
 * The sockets of this thread, watched together (native/os/socket_poll.h). A socket is named by its slot; the descriptor is
 * the poller's, which closes it. Methods that take a slot are on the request path: of a slot that is not in use they do
 * nothing. The poller keeps the event loop alive while it has sockets.
 */
export interface Poller extends Watch {
  /** Takes a connected, non-blocking socket. Its slot, or a negative errno: then the descriptor is still the caller's. */
  add(fd: number): number
  /**
   * Starts a connection with TCP_NODELAY: to an IP address, or to a path (what contains a slash; then `port` is 0). `local`
   * is the IP address to bind to, or ''. The slot, from which a POLL_CONNECTED or POLL_ERROR comes, or a negative errno.
   */
  connect(address: string, port: number, local: string, localPort: number, keepalive: boolean): number
  /** -1 when the slot is not in use. */
  fd(slot: number): number
  /** Nothing is read until `resume`. What was read already still comes. */
  pause(slot: number): void
  resume(slot: number): void
  /** Asks for one POLL_WRITABLE; after a send that the kernel did not take whole. */
  awaitWritable(slot: number): void
  /** Nothing more will be sent. */
  shutdown(slot: number): void
  /** Closes the descriptor. No records of the slot come any more but those of the call that is under way. */
  closeSocket(slot: number): void
  /** The same by RST. */
  resetSocket(slot: number): void
}

// What a record of the poller says.
/** connect() has succeeded. */
export const POLL_CONNECTED = 0
/** Bytes at record[2] of the buffer, record[3] of them. */
export const POLL_DATA = 1
/** The peer has shut its side: nothing more comes. */
export const POLL_END = 2
export const POLL_WRITABLE = 3
/** connect() or a read has failed with errno record[2]: nothing more comes. */
export const POLL_ERROR = 4
/** Numbers in a record: slot, kind, and two more. */
export const POLL_RECORD = 4

/**
 * Scans header lines of `bytes` from `from` up to `limit` and adds them to a head's table: table[0] is a code (0: the table
 * is full, -1: a line is not complete, -2: the empty line, -3: a byte that must not be there), table[1] where that is,
 * table[2] behind the last complete line, table[3] the number of lines so far, which is set to 0 before a new head; the
 * rest is in native/core/header_scan.h, seven numbers a line. All offsets are relative to `base`. Returns the number of
 * lines in the table, -1 for arguments out of range. Never throws: it is on the request path.
 */
export type ScanHeader = (bytes: Buffer, from: number, limit: number, base: number, table: Int32Array) => number

export interface Addon {
  // shared memory
  /**
   * memfd_create (close-on-exec) with all `sizeBytes` reserved (posix_fallocate: no SIGBUS later) and the size sealed:
   * it can neither grow nor shrink. Returns the descriptor.
   */
  createSharedMemory(name: string, sizeBytes: number): number
  /**
   * Maps a descriptor; the ArrayBuffer is the shared memory itself, unmapped when collected. It does not need the
   * descriptor any more. EINVAL when the file is shorter than `sizeBytes`.
   */
  mapShared(fd: number, sizeBytes: number): ArrayBuffer

  // limit_req zones
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

  // who uses a zone (native/os/zone_use.h), and files that get their name later
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

  // limits
  /**
   * 1 to 16 limits on as many different zones. `result`: at least 2 doubles, filled by each call (see CheckLimits); it
   * must not be transferred to another thread.
   */
  compileLimits(limits: readonly LimitSpec[], result: Float64Array): CheckLimits
  /** As CheckLimits with the clock as first argument (ms), for tests. */
  compileLimitsAt(limits: readonly LimitSpec[], result: Float64Array): (nowMs: number, ...keys: string[]) => number

  // the library's limits, on limit_req zones
  /**
   * `result`: at least 3 doubles, filled by each call. `clock[0]`, if given, is the time in ms instead of the machine's,
   * for tests. Neither may be transferred to another thread.
   */
  compileBucket(zone: LimitReqZone, options: BucketSpec, result: Float64Array, clock?: Float64Array): Bucket
  /** `result`: at least 1 double, filled by each call; `clock` as with compileBucket. */
  compileWindow(
    zone: LimitReqZone,
    options: { readonly prefix: string; readonly windowMs: number },
    result: Float64Array,
    clock?: Float64Array,
  ): Window
  /**
   * One check of cost 1 of up to 16 buckets, as Bucket.check: all are charged or none is. `rates` holds rate and
   * periodMs of each. The same bucket and key twice are two requests.
   */
  checkTogether(
    buckets: readonly Bucket[],
    keys: readonly KeyBytes[],
    rates: Float64Array,
    result: Float64Array,
  ): number
  /**
   * Writes down what limits of this name (bytes as latin1) in this zone are: 1 buckets, 2 windows; or compares with what
   * was written. Returns 0 or LIMIT_NAME_*.
   */
  registerLimitName(zone: LimitReqZone, name: string, algorithm: number): number

  // limit_conn zones
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
  connZoneStats(zone: LimitConnZone): ConnZoneStats
  /** Walks tree, queues and slab under the lock; returns the text of the first broken invariant or undefined. */
  checkConnZone(zone: LimitConnZone): string | undefined
  /** About how many keys of `keyLength` (1 to 255) bytes fit into a zone of `sizeBytes`, each used by one process. */
  connZoneCapacity(sizeBytes: number, keyLength: number): number
  /**
   * 1 to 16 limits on as many different zones. `result`: at least 1 element, filled by each refusal (see
   * AcquireConnections); it must not be transferred to another thread. A refusal looks once a second at most whether
   * connections are held by processes that are dead; they are returned and the decision is made again.
   */
  compileConnLimits(limits: readonly ConnLimitSpec[], result: Int32Array): AcquireConnections
  /** Gives back what a handle stands for. Throws a TypeError for a handle that is not held (any more). */
  releaseConnections(handle: number): void

  // channels: nginx's {command, pid, slot, fd} over a socketpair
  /**
   * socketpair(AF_UNIX, SOCK_STREAM), both ends non-blocking and close-on-exec; FIOASYNC and F_SETOWN on end 0. Makes
   * the process ignore SIGIO first, if that still had its default action.
   */
  createChannel(): [number, number]
  /** Sends one message; `passFd` -1 = none. False when the socket is full (EAGAIN: nginx's "not sent"). */
  writeChannel(fd: number, command: number, pid: number, slot: number, passFd: number): boolean
  /**
   * Calls `onMessage` for every message; `passedFd` -1 = none, otherwise it is the caller's, close-on-exec. On end of
   * file or error unregisters and calls `onEnd` once, with nginx's words for the error (`recvmsg() returned not enough
   * data: 5`). Keeps the event loop alive until then, or until closed.
   */
  watchChannel(
    fd: number,
    onMessage: (command: number, pid: number, slot: number, passedFd: number) => void,
    onEnd: (error: string | undefined) => void,
  ): Watch
  /**
   * Calls `onEnd` once when the other end of a socketpair is closed everywhere (the life pipe). What is written to it
   * is thrown away. Keeps the event loop alive until then, or until closed.
   */
  watchEnd(fd: number, onEnd: () => void): Watch

  /** The user that has connected the other end of a unix socket (SO_PEERCRED). */
  peerUser(fd: number): number

  // listening sockets
  /**
   * socket, SO_REUSEADDR, SO_REUSEPORT, IPV6_V6ONLY, bind (unix: chmod 0666), listen. Non-blocking, close-on-exec. The
   * address is numeric (IPv6 without brackets) or a path; a file that is there already is EADDRINUSE.
   */
  openListeningSocket(options: ListenOptions): number
  /** A datagram socket connected to an address: what sendText sends by it is one message each. */
  openDatagramSocket(to: SocketAddress): number
  /**
   * setsockopt of an integer option by name (`rcvbuf`, `sndbuf`, `defer_accept`, `fastopen`, `keepalive`, `keepidle`,
   * `keepintvl`, `keepcnt`, `nodelay`, `reuseport`).
   */
  setSocketOption(fd: number, option: string, value: number): void
  /** listen() again, to change the backlog. */
  setBacklog(fd: number, backlog: number): void
  /**
   * Of the sockets that share an address by `reuseport`, in the order of their listen(), only the first `count` get new
   * connections from now on, each its share by chance; what is queued on the others stays. EINVAL when nobody shares.
   */
  steerConnections(fd: number, count: number): void
  /** getsockname, in the form of `ListenOptions`. */
  socketName(fd: number): SocketAddress
  /**
   * Acceptor over uv_poll and accept4. `counters[slot]` is this worker's number of connections (incremented here at
   * accept, decremented by the owner of the connection); entries < 0 are workers that do not exist. A worker that leads
   * the lowest by 4 or more pauses a millisecond. If the connection still waits then, this worker takes it
   * nevertheless: the others may be stuck. `onConnection` gets a non-blocking, close-on-exec descriptor, which is its
   * own from then on, and the peer in text and binary (latin1) form; unix peers: `unix:`, 0 and ''. The connections of
   * one turn share a callback scope: nextTicks and microtasks run after the last of them. `onError` gets what accept4()
   * failed with. After an error of one connection (ECONNABORTED, a network error) accepting goes on, after all others
   * (EMFILE, ENFILE ...) it rests for 500 ms.
   */
  createAcceptor(
    fd: number,
    options: { readonly maxPerTurn: number; readonly counters: Int32Array; readonly slot: number },
    onConnection: (fd: number, address: string, port: number, binary: string) => void,
    onError: (code: string, errno: number) => void,
  ): Acceptor

  // sending
  /**
   * One non-blocking send of latin1 text on a socket to which nothing is queued. Returns the bytes that the kernel took,
   * fewer than there are only if it takes no more now, or a negative errno. Never throws: it is on the request path.
   */
  sendText(fd: number, text: string): number
  /** The same by write(2), for log files and pipes. */
  writeText(fd: number, text: string): number
  /** sendText for a Buffer. */
  sendBytes(fd: number, bytes: Buffer): number
  /** Both in one call; the count is that of both. */
  sendBoth(fd: number, text: string, bytes: Buffer): number

  // heads
  /** `names` in lower case by id; the first one stands for those that are not known. 64 at most. */
  createHeaderScanner(names: readonly string[]): ScanHeader

  // sockets
  /**
   * One for a thread. `buffer` (64 kB at least, better several times that) takes what is read, `records` (POLL_RECORD
   * numbers each) tell what has happened; `onRecords` gets their number, a few times per turn of the event loop. Both are
   * overwritten when it has returned.
   */
  createPoller(buffer: Buffer, records: Int32Array, onRecords: (count: number) => void): Poller

  // process
  /** close_range(first, ~0, CLOSE_RANGE_CLOEXEC): what was inherited does not reach children by accident. */
  setCloexecFrom(first: number): void
  setCloexec(fd: number, on: boolean): void
  /** The copy is close-on-exec. */
  dup(fd: number): number
  /** Makes `target` a copy of `fd`, in one step; what it was is closed. Not close-on-exec. */
  dup2(fd: number, target: number): void
  close(fd: number): void
  /** setrlimit, soft and hard. */
  setResourceLimit(name: 'nofile' | 'core', value: number): void
  /** sched_setaffinity for every thread of the process. Numbers of CPUs that do not exist are ignored; EINVAL if no other is there. */
  setCpuAffinity(cpus: readonly number[]): void
  /**
   * Buries (waitid) children that have ended and that nobody waits for; `known` are the pids of those that libuv waits for.
   * One of these that is not buried yet may hide others: to be called again when it is. `signal` 0 = it exited.
   */
  buryUnknownChildren(known: readonly number[]): { pid: number; code: number; signal: number }[]
  /** PR_SET_DUMPABLE: core dumps, which the kernel has forbidden when the user was changed. */
  setDumpable(): void
  /** SIG_IGN for a signal. */
  ignoreSignal(signal: number): void
  /**
   * Own SA_SIGINFO handlers that write to a pipe read by the event loop; `senderPid` 0 when unknown. Unblocks the
   * signals in this thread. They replace whatever handlers were there until the watch is closed; a later
   * `process.on(signal)` would replace them in turn. Not for SIGCHLD, which libuv needs. EBUSY if a signal is watched
   * already. Does not keep the event loop alive.
   */
  watchSignals(signals: readonly number[], onSignal: (signal: number, senderPid: number) => void): Watch
  /**
   * Synchronous getaddrinfo, distinct addresses in its order; undefined when the name is not found or nobody answered.
   * Start-up only.
   */
  resolveHost(host: string): string[] | undefined
  /** setsid, fork is impossible in a running Node process: `daemonize` is done by the CLI through a second exec. */
  setsid(): void
  /** C's text of an errno value of either sign: 98 is `Address already in use`. */
  strerror(errno: number): string
  /** CLOCK_MONOTONIC in whole milliseconds, the clock of the limits. */
  monotonicMs(): number
}

/** The loaded addon. Loading it is the first thing any role does; where there is none for this machine it fails here. */
export const addon: Addon = requireAddon()
