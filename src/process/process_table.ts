// The process table: up to 1024 slots, one per child of the master. A slot keeps its number over respawns, so that
// whoever knows a worker by its slot (channels, connection counters) needs no news when only the pid has changed.
// Workers keep a smaller table of their own (peers.ts), filled by the OPEN_CHANNEL messages.

/** nginx's limit. Also the length of the shared array of connection counters. */
export const MAX_PROCESSES = 1024

/**
 * How a process is spawned, in nginx's words. `respawn`: a new one takes its place when it dies. `just_...`: created by
 * the reload in progress, so the QUIT that ends this reload is not for it. `detached`: a new binary, not ours to manage.
 */
export type SpawnKind = 'norespawn' | 'just_spawn' | 'respawn' | 'just_respawn' | 'detached'

/** How a process ended: an exit code, or the signal that killed it. */
export interface ExitStatus {
  readonly code: number | undefined
  readonly signal: NodeJS.Signals | undefined
}

/** One process. `Data` is what is needed to spawn it again. */
export class ProcessSlot<Data> {
  readonly slot: number
  readonly name: string
  readonly data: Data
  pid: number
  /**
   * Descriptors of its channel: [0] is our end, [1] the process's own, kept open here until it is reaped so that
   * writing to a dead process is no error. -1 = none (detached processes).
   */
  channel: readonly [number, number]
  respawn: boolean
  justSpawn: boolean
  readonly detached: boolean
  /** It was told to end: its death is no reason to respawn it. */
  exiting = false
  /** It is dead and not reaped yet. */
  exited = false
  status: ExitStatus | undefined
  /** It has said READY: from now on signals reach its handlers. */
  ready = false
  /** CLOCK_MONOTONIC, milliseconds. */
  spawnedAtMs: number

  constructor(slot: number, name: string, data: Data, kind: SpawnKind, spawned: Spawned) {
    this.slot = slot
    this.name = name
    this.data = data
    this.pid = spawned.pid
    this.channel = spawned.channel
    this.spawnedAtMs = spawned.atMs
    this.respawn = kind === 'respawn' || kind === 'just_respawn'
    this.justSpawn = kind === 'just_spawn' || kind === 'just_respawn'
    this.detached = kind === 'detached'
  }
}

/** What a spawn yields. */
export interface Spawned {
  readonly pid: number
  readonly channel: readonly [number, number]
  readonly atMs: number
}

export class ProcessTable<Data> {
  readonly #slots: (ProcessSlot<Data> | undefined)[] = []

  /** The lowest free slot; undefined when all 1024 are taken. */
  freeSlot(): number | undefined {
    for (let slot = 0; slot < MAX_PROCESSES; slot++) if (this.#slots[slot] === undefined) return slot
    return undefined
  }

  add(process: ProcessSlot<Data>): void {
    if (this.#slots[process.slot] !== undefined) throw new RangeError(`slot ${process.slot} is taken`)
    this.#slots[process.slot] = process
  }

  release(process: ProcessSlot<Data>): void {
    this.#slots[process.slot] = undefined
    while (this.#slots.length > 0 && this.#slots.at(-1) === undefined) this.#slots.pop()
  }

  byPid(pid: number): ProcessSlot<Data> | undefined {
    return this.#slots.find((process) => process?.pid === pid)
  }

  /** Used slots in order; a copy, so that the table may change meanwhile. */
  all(): ProcessSlot<Data>[] {
    return this.#slots.filter((process) => process !== undefined)
  }
}
