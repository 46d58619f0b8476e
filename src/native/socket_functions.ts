// The addon's functions on sockets: channels, listening, accepting, polling, sending, and heads of messages. The text of
// src/native/addon.ts applies.

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

/** nginx's {command, pid, slot, fd} over a socketpair. */
export interface ChannelFunctions {
  /**
   * socketpair(AF_UNIX, SOCK_STREAM), both ends non-blocking and close-on-exec; FIOASYNC and F_SETOWN on end 0. Makes
   * the process ignore SIGIO first, if that still had its default action.
   */
  createChannel(): [number, number]
  /** Sends one message; `passFd` -1 = none. False when the socket is full (EAGAIN: nginx's "not sent"). */
  writeChannel(fd: number, command: number, pid: number, slot: number, passFd: number): boolean
  /**
   * Calls `onMessage` for every message; `passedFd` -1 = none, -2 = it is lost, since this process has as many as it may;
   * otherwise it is the caller's, close-on-exec. On end of file or error unregisters and calls `onEnd` once, with nginx's
   * words for the error (`recvmsg() returned not enough data: 5`). Keeps the event loop alive until then, or until closed.
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
}

/** Listening sockets. */
export interface ListeningFunctions {
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
   * (EMFILE, ENFILE ...) it rests for `restMs`.
   */
  createAcceptor(
    fd: number,
    options: {
      readonly maxPerTurn: number
      readonly counters: Int32Array
      readonly slot: number
      readonly restMs: number
    },
    onConnection: (fd: number, address: string, port: number, binary: string) => void,
    onError: (code: string, errno: number) => void,
  ): Acceptor
}

/** On the request path. */
export interface SendFunctions {
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
  sendBoth(fd: number, text: string, second: string | Buffer): number
}

/** Heads of messages, and connected sockets. */
export interface PollFunctions {
  /** `names` in lower case by id; the first one stands for those that are not known. 64 at most. */
  createHeaderScanner(names: readonly string[]): ScanHeader

  /**
   * One for a thread. `buffer` (64 kB at least, better several times that) takes what is read, `records` (POLL_RECORD
   * numbers each) tell what has happened; `onRecords` gets their number, a few times per turn of the event loop. Both are
   * overwritten when it has returned.
   */
  createPoller(buffer: Buffer, records: Int32Array, onRecords: (count: number) => void): Poller
}
