// The addon's functions on memory and on the process itself. The text of src/native/addon.ts applies.

import type { Watch } from './socket_functions.ts'

/** Shared memory that is no zone. */
export interface MemoryFunctions {
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
}

/** The process. */
export interface ProcessFunctions {
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
