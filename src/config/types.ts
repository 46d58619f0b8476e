// The contract between the configuration reader and everything that declares directives. The reader knows files, words,
// contexts and arity; what a directive means is its owner's business. Owners are plain typed objects (see
// http/module.ts).

import type { LogFile } from '../log/log_file.ts'
import type { SyslogPeer, SyslogTarget } from '../log/syslog.ts'

/** Where a directive may stand. `if_server`, `if_location` and `limit_except` are nginx's SIF, LIF and LMT contexts. */
export type Context =
  | 'main'
  | 'events'
  | 'http'
  | 'upstream'
  | 'server'
  | 'location'
  | 'if_server'
  | 'if_location'
  | 'limit_except'

/**
 * Number of arguments without the directive's name: exact, an inclusive range (`Infinity` allowed), or one on|off word.
 */
export type Arity = number | readonly [min: number, max: number] | 'flag'

/** One directive of an owner, keyed by its verbatim name in `ConfigOwner.directives`. */
export interface Directive<Conf> {
  readonly in: readonly Context[]
  readonly args: Arity
  /** True for `name args { ... }`: `set` must call `cf.block` or `cf.words` exactly once to read the body. */
  readonly block?: true
  /** `own` is the owner's partial configuration of the level being read; "unset" is an absent key. */
  readonly set: (cf: ConfigCursor, own: Partial<Conf>) => void
}

/** Whoever declares directives: a core module or an HTTP module. `id` is its slot in every level's `own` array. */
export interface ConfigOwner {
  readonly id: number
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: the list of owners is heterogeneous; each owner is typed on its own.
  readonly directives: Readonly<Record<string, Directive<any>>>
}

/** One `{ ... }` level while it is read: the context and, by owner id, what was set in it. */
export interface Level {
  readonly context: Context
  readonly parent: Level | undefined
  readonly own: (object | undefined)[]
}

/** A place in a configuration file. `file` is the full name, or undefined for `-g` text. */
export interface Position {
  readonly file: string | undefined
  readonly line: number
}

/**
 * What a setter sees: the words of its directive, its place, and the way to fail, to read files and to enter blocks.
 */
export interface ConfigCursor {
  /** All words, the directive's name first, escapes resolved; latin1 strings (one char = one byte). */
  readonly args: readonly string[]
  readonly position: Position
  /** Where the reader is now; behind the body of a block the line of its `}`. */
  readonly reached: Position | undefined
  readonly level: Level
  /** Things the whole configuration needs from the process: zones, files, listening sockets. */
  readonly resources: Resources
  readonly facts: HostFacts
  /**
   * Throws ConfigError `MESSAGE in FILE:LINE`; with a system error `MESSAGE (2: No such file or directory) in ...`.
   * The place is where the reader is: after `block` or `words` the line of the `}`, while `position` stays at the `{`.
   */
  fail(message: string, cause?: SystemError): never
  /** Throws `"NAME" directive TEXT`, nginx's form for what a setter returns: `is duplicate`, `invalid value`, ... */
  failDirective(text: string): never
  /** Logs `[warn] MESSAGE in FILE:LINE` (collected by the reader, written by the cycle). */
  warn(message: string): void
  /** The partial configuration of `owner` at the level being read, created on first use. */
  own<Conf extends object>(owner: { readonly id: number }): Partial<Conf>
  /** Reads the body of a block directive, dispatching each directive of it in `level`. */
  block(level: Level): void
  /**
   * Reads the body as lines of words (types, map, geo ...). Each line's `cf` has its own position. `include NAME` is
   * followed and not given to `onLine`; with another number of words it is the owner's line, and mistake to report.
   */
  words(onLine: (cf: ConfigCursor) => void): void
  /** Full path: relative names are put behind the conf prefix (`conf`) or the prefix (`prefix`). */
  fullName(path: string, base: 'conf' | 'prefix'): string
  /**
   * Bytes of a file, read once and kept in the snapshot, so that a worker sees the same. Fails as nginx: `open() "F"
   * failed (...)`.
   */
  readFile(fullName: string): Buffer
  /**
   * Addresses of a host name by the system's resolver, IPv4 first as getaddrinfo sorts them; kept in the snapshot.
   * undefined = not found.
   */
  resolveHost(host: string): readonly string[] | undefined
}

/** A system error by its number (either sign: Node's are negative) and its name, for example 2 and `ENOENT`. */
export interface SystemError {
  readonly errno: number
  readonly code: string
}

/**
 * What a configuration may depend on besides its files; recorded with them, so that a worker decides as the master did.
 */
export interface HostFacts {
  /** Effective user of the process that read the configuration first (the master). */
  readonly euid: number
  /** Name of the machine in lower case (nginx's `$hostname`). */
  readonly hostname: string
  /** CPUs that the process may use: as many workers does `auto` mean. */
  readonly cpus: number
  /** Their numbers, which `worker_cpu_affinity auto` deals out. */
  readonly cpuNumbers: readonly number[]
}

/**
 * A shared memory zone as the configuration asks for it; the cycle creates it, a worker attaches it, both fill
 * `handle`.
 */
export interface ZoneRequest {
  readonly name: string
  /** The owner's name: a zone may be used by one module only. */
  readonly tag: string
  /** 0 while only referred to; still 0 after parsing = `zero size shared memory zone "NAME"`. */
  sizeBytes: number
  /** The key as written, for the check on reload; set by the declaring directive. */
  keyText: string | undefined
  /** Full name of the file that keeps the zone, if any; set by the declaring directive. */
  statePath: string | undefined
  /** The native zone, set before workers compile their locations. */
  handle: object | undefined
}

/** Options of one listening socket; the address is already resolved. */
export interface ListenRequest {
  readonly family: 'inet' | 'inet6' | 'unix'
  /** Address in text form without brackets, or the path of a unix socket. */
  readonly address: string
  /** 0 for unix sockets. */
  readonly port: number
  /** nginx's text of the address: `127.0.0.1:80`, `0.0.0.0:80`, `[::1]:80`, `unix:/path`. */
  readonly text: string
  backlog: number
  reuseport: boolean
  ipv6only: boolean
  rcvbuf: number
  sndbuf: number
  deferred: boolean
  fastopen: number
  /** undefined = leave the system's default. */
  keepalive: { idle: number; intvl: number; cnt: number } | boolean | undefined
}

/** What the configuration needs from the process. Filled while parsing, used by the cycle afterwards. */
export interface Resources {
  readonly zones: Map<string, ZoneRequest>
  readonly files: Map<string, LogFile>
  readonly syslogs: SyslogPeer[]
  readonly listens: ListenRequest[]
  /** Full names of folders for temporary files. Workers make them when they need them, if they may. */
  readonly folders: Set<string>
  /** Registers or looks up a zone; `sizeBytes` 0 refers only. Errors as spec/shm.md §1, thrown through `cf.fail`. */
  zone(cf: ConfigCursor, name: string, sizeBytes: number, tag: string): ZoneRequest
  /** Registers a log file by its full name: the same object for equal names, opened by the cycle after parsing. */
  file(fullName: string): LogFile
  /** Registers a syslog target: its socket, once it is open, is closed with the configuration. */
  syslog(target: SyslogTarget): SyslogPeer
}
