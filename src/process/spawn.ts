// Starting a worker: fork and exec of the running Node binary with everything the worker needs as descriptors. Their
// numbers are the contract with worker_boot.ts:
//   0 /dev/null | 1 stdout | 2 the error log (so that a crash is told there) | 3 channel | 4 life | 5 snapshot | 6 counters
//   | listening sockets | zones | log files | channels of the other processes

import type { SpawnOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { EnvRequest } from '../config/core_directives.ts'
import { addon } from '../native/addon.ts'
import { type Cycle, socketsOfWorker } from './cycle.ts'
import type { ExitStatus, Spawned } from './process_table.ts'
import { type StartedProcess, startProcess } from './start_process.ts'
import { WORKER_ARGV0 } from './title.ts'
import { chainOf, openZoneUses } from './zone_resize.ts'

export const CHANNEL_FD = 3
export const LIFE_FD = 4
export const SNAPSHOT_FD = 5
export const COUNTERS_FD = 6
export const FIRST_RESOURCE_FD = 7

/** First word of a worker's command line after main.js, no option, that nobody may guess it; then its WorkerBoot as JSON. */
export const WORKER_ROLE = ':worker'

const RUNNING_BINARY = '/proc/self/exe'
/**
 * The binary that runs, even if another one has been put in its place on the disk, or none. (A /proc of another pid
 * namespace does not know us.)
 */
const NODE = existsSync(RUNNING_BINARY) ? RUNNING_BINARY : process.execPath
export const MAIN = fileURLToPath(
  new URL(`../main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
)

/** The program as it was started: a symbolic link in it may point to another version when it is started again. */
export const PROGRAM = process.argv[1] ?? MAIN

/**
 * Node's and V8's options for workers. SIGUSR1 reopens logs here; until our handler is in place Node would open its
 * debugger on it.
 */
const NODE_OPTIONS: readonly string[] = ['--disable-sigusr1'].filter((option) =>
  process.allowedNodeEnvironmentFlags.has(option),
)

/**
 * A request leaves some 3 kB of short-lived objects. V8's young generation starts with 1 MB and grows only when much
 * survives, which with few connections is never: it would collect every few hundred requests. Up to 16 MB, its default, it
 * would lie beyond the processor's cache: 8 MB take a fifth off a request with 1,000 busy connections and 15 MB off the
 * worker. Below that what belongs to their requests would be promoted before it dies.
 *
 * V8 may also come to allocate what a hot place makes among the old objects at once, when much of that happened to survive
 * some early collections (nearly all does while a worker has had little to do). That it never takes back, and a request then
 * costs half as much again, in one worker of three.
 */
const WORKER_V8_OPTIONS: readonly string[] = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
]

/** What tells one worker of a generation from another. */
export interface WorkerBoot {
  readonly slot: number
  /** Number among the workers of its generation. */
  readonly index: number
  readonly masterPid: number
  /** For each inherited socket its place in the configuration's list, and whether no other worker accepts on it. */
  readonly listens: readonly (readonly [place: number, isOwn: boolean])[]
  /** For each zone the sizes of those that it takes over from, oldest first; their descriptors are before its own. */
  readonly olderZones: readonly (readonly number[])[]
  /** Slot and pid of the processes whose channels are inherited. */
  readonly peers: readonly (readonly [slot: number, pid: number])[]
}

export interface Peer {
  readonly slot: number
  readonly pid: number
  /** Our end of its channel. */
  readonly channel: number
}

export interface WorkerOrder {
  readonly cycle: Cycle
  readonly slot: number
  readonly index: number
  readonly lifeFd: number
  readonly countersFd: number
  readonly peers: readonly Peer[]
  readonly onExit: (status: ExitStatus) => void
  /** What the system has refused, and why; may come a moment after the start has failed. */
  readonly onFailure: (call: string, error: Error) => void
}

/** Starts a worker. Undefined when the system refuses; nothing is left open then. */
export function spawnWorker(order: WorkerOrder): Spawned | undefined {
  const { cycle, slot, index, peers } = order
  const sockets = socketsOfWorker(cycle, index)
  const requests = cycle.configuration.parsed.resources.listens
  const boot: WorkerBoot = {
    slot,
    index,
    masterPid: process.pid,
    listens: sockets.map(({ request, share }) => [requests.indexOf(request), share >= 0]),
    olderZones: cycle.zones.map((zone) =>
      chainOf(zone)
        .slice(0, -1)
        .map(({ sizeBytes }) => sizeBytes),
    ),
    peers: peers.map((peer) => [peer.slot, peer.pid]),
  }
  const zones: number[] = []
  let channel: [number, number]
  try {
    for (const zone of cycle.zones) zones.push(...openZoneUses(zone))
    channel = addon.createChannel()
  } catch (error) {
    for (const fd of zones) addon.close(fd)
    const { syscall = 'open' } = error as NodeJS.ErrnoException
    order.onFailure(`${syscall}()`, error as Error)
    return undefined
  }
  const resources = [...sockets.map(({ fd }) => fd), ...zones, ...cycle.files.map(({ fd }) => fd)]
  const fixed = [channel[1], order.lifeFd, cycle.snapshotFd, order.countersFd]
  const options: SpawnOptions = {
    argv0: WORKER_ARGV0,
    // A session of its own: Ctrl-C in a terminal is for the master, which tells its workers.
    detached: true,
    env: workerEnvironment(cycle.configuration.settings.core.env),
    stdio: ['ignore', 1, stderrOf(cycle), ...fixed, ...resources, ...peers.map((peer) => peer.channel)],
  }
  const words = [...WORKER_V8_OPTIONS, MAIN, WORKER_ROLE, JSON.stringify(boot)]
  const child = startNode(words, options, (error) => order.onFailure('fork()', error))
  for (const fd of zones) addon.close(fd)
  if (child === undefined) {
    for (const fd of channel) addon.close(fd)
    return undefined
  }
  child.once('exit', (code, signal) => order.onExit({ code: code ?? undefined, signal: signal ?? undefined }))
  return { pid: child.pid, channel, atMs: addon.monotonicMs() }
}

/** Node, running the same program in another role; see startProcess. */
export function startNode(
  words: readonly string[],
  options: SpawnOptions,
  onError: (error: Error) => void,
): StartedProcess | undefined {
  return startProcess(NODE, [...NODE_OPTIONS, ...words], options, onError)
}

/** Only what `env` lists, and the time zone. */
export function workerEnvironment(requests: readonly EnvRequest[]): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const { name, value = process.env[name] } of [{ name: 'TZ', value: undefined }, ...requests]) {
    if (value !== undefined) environment[name] = value
  }
  return environment
}

function stderrOf({ log }: Cycle): number {
  const fd = log.file?.fd ?? -1
  return fd >= 0 ? fd : 2
}
