// The master's children: starting, telling, burying and respawning them. Keeps the process table and sees to it that
// every worker can write to every other one. When to do any of this is decided in master_loop.ts.

import { constants } from 'node:os'
import { asSystemError, errnoText, reasonText } from '../config/errno_text.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, DEBUG, NOTICE } from '../log/levels.ts'
import { addon, type Watch } from '../native/addon.ts'
import { CLOSE_CHANNEL, FOLLOW, OPEN_CHANNEL, QUIT, READY, REOPEN, REPORT, sendMessage, TERMINATE } from './channel.ts'
import type { Cycle } from './cycle.ts'
import type { Broadcast } from './master_loop.ts'
import { buryOrphans } from './orphans.ts'
import { type ExitStatus, MAX_PROCESSES, ProcessSlot, ProcessTable, type SpawnKind } from './process_table.ts'
import { SIGCHLD, signalText } from './signals.ts'
import { spawnWorker, type WorkerOrder } from './spawn.ts'
import type { StartedProcess } from './start_process.ts'
import { writeReport } from './table_report.ts'
import { WORKER_NAME } from './title.ts'

/** Exit code of a worker that could not be initialised: the next one could not either. */
const FATAL_CODE = 2
/** A worker that lived shorter than this died at once. */
const QUICK_DEATH_MS = 1000
/** After so many deaths at once there are pauses. */
const PAUSING_DEATHS = 2
/** The first one; each is twice as long as the one before. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 10_000
/** A worker that does not end by itself after its shutdown timeout hangs in JavaScript; it gets this much more. */
const STUCK_GRACE_MS = 2000

const NO_CHANNEL = [-1, -1] as const

const COMMANDS = { QUIT, TERM: TERMINATE, USR1: REOPEN } as const

/** What a worker is started again with. */
export interface WorkerData {
  readonly cycle: Cycle
  readonly index: number
  /** How often in a row it has died at once. */
  readonly quickDeaths: number
}

export type Worker = ProcessSlot<WorkerData>
/** A worker, or the new binary, which has no data of ours. */
export type Child = ProcessSlot<WorkerData | undefined>

export interface WorkersEvents {
  onReady(worker: Worker): void
  /** It is dead and waits to be reaped. */
  onExit(child: Child): void
}

export class Workers {
  readonly table = new ProcessTable<WorkerData | undefined>()
  log: ErrorLog
  readonly #events: WorkersEvents
  /** [0] is held by the master alone: when it closes, the master is dead. */
  readonly #life = addon.createChannel()
  readonly #countersFd = addon.createSharedMemory('counters', MAX_PROCESSES * Int32Array.BYTES_PER_ELEMENT)
  /** Connections of the worker in each slot; -1 while nobody accepts there. */
  readonly #counters = new Int32Array(
    addon.mapShared(this.#countersFd, MAX_PROCESSES * Int32Array.BYTES_PER_ELEMENT),
  ).fill(-1)
  readonly #watches = new Map<Child, Watch>()
  /** Workers that will be started after a pause. */
  readonly #paused = new Set<NodeJS.Timeout>()
  readonly #buryOrphans: () => void

  constructor(log: ErrorLog, events: WorkersEvents) {
    this.log = log
    this.#events = events
    this.#buryOrphans = buryOrphans(
      () => this.table.all().map(({ pid }) => pid),
      () => this.log,
    )
  }

  /** Starts a whole generation. */
  start(cycle: Cycle, kind: SpawnKind): void {
    const { workerProcesses } = cycle.configuration.settings.core
    for (let index = 0; index < workerProcesses; index++) this.#spawn({ cycle, index, quickDeaths: 0 }, kind)
  }

  /** Workers of a generation that live and have not been told to end. */
  ofCycle(cycle: Cycle): Worker[] {
    const isOfCycle = (child: Child): child is Worker => child.data?.cycle === cycle
    return this.table
      .all()
      .filter(isOfCycle)
      .filter(({ exited, exiting }) => !exited && !exiting)
  }

  /** False while a worker of another generation lives. */
  areAllOf(cycle: Cycle): boolean {
    return this.table
      .all()
      .filter(isWorker)
      .every(({ data }) => data.cycle === cycle)
  }

  /** True while a worker waits for its respawn. */
  get isPausing(): boolean {
    return this.#paused.size > 0
  }

  /**
   * Ends a generation that is not to be: those of it that are READY have accepted connections already, and may finish.
   * None is respawned, the dead one that waits for its burial included: what the cycle had opened is about to be closed.
   */
  drop(cycle: Cycle, signal: 'TERM' | 'KILL'): void {
    for (const worker of this.table.all().filter(isWorker)) {
      if (worker.data.cycle !== cycle) continue
      worker.respawn = false
      this.tell(worker, worker.ready ? 'QUIT' : signal)
    }
  }

  /** Tells all workers, except those that the reload in progress has started (`spareNew`). */
  broadcast(signal: Broadcast, spareNew = false): void {
    if (signal !== 'USR1') this.#forgetPaused()
    for (const worker of this.table.all().filter(isWorker)) {
      const isNew = worker.justSpawn
      if (signal !== 'USR1') worker.justSpawn = false
      if (!(spareNew && isNew)) this.tell(worker, signal)
    }
  }

  /** Tells one worker; anything but USR1 ends it. */
  tell(worker: Worker, signal: Broadcast): void {
    if (worker.exited || (worker.exiting && signal === 'QUIT')) return
    if (signal === 'KILL' || !this.#send(worker, COMMANDS[signal])) this.#kill(worker, signal)
    if (signal === 'USR1') return
    worker.exiting = true
    if (signal === 'QUIT') this.#watchShutdown(worker)
  }

  /** Buries the dead and, unless the master is stopping, respawns them. True while any worker lives or will. */
  reap(stopping: boolean): boolean {
    for (const child of this.table.all()) {
      if (!child.exited) continue
      this.#bury(child)
      if (isWorker(child) && child.respawn && !child.exiting && !stopping) this.#respawn(child)
    }
    if (stopping) this.#forgetPaused()
    return this.#paused.size > 0 || this.table.all().some(isWorker)
  }

  /**
   * Gives a process that is not ours to manage its slot: nobody writes to it, nobody ends it, and the master does not
   * wait for it. False when there is no slot.
   */
  addDetached(name: string, process: StartedProcess): boolean {
    const slot = this.#freeSlot()
    if (slot === undefined) return false
    const { pid } = process
    const child: Child = new ProcessSlot(slot, name, undefined, 'detached', {
      pid,
      channel: NO_CHANNEL,
      atMs: addon.monotonicMs(),
    })
    process.once('exit', (code, signal) =>
      this.#onExit(child, { code: code ?? undefined, signal: signal ?? undefined }),
    )
    this.table.add(child)
    this.log.write(NOTICE, `start ${name} ${pid}`)
    return true
  }

  #freeSlot(): number | undefined {
    const slot = this.table.freeSlot()
    if (slot === undefined) this.log.write(ALERT, `no more than ${MAX_PROCESSES} processes can be spawned`)
    return slot
  }

  /** Tells all workers that zones have gone over to their successors. */
  followZones(): void {
    for (const worker of this.table.all().filter(isWorker)) if (!worker.exited) this.#send(worker, FOLLOW)
  }

  /** Writes our view of the table to a connection and passes it to all workers, which add theirs. */
  report(connection: number): void {
    const table = this.table.all().map((child) => ({
      slot: child.slot,
      pid: child.pid,
      writeFd: child.channel[0],
      readFd: child.channel[1],
      state: stateOf(child),
    }))
    writeReport(connection, { kind: 'view', slot: -1, pid: process.pid, table })
    const message = { command: REPORT, pid: process.pid, slot: 0, fd: connection }
    for (const worker of this.table.all().filter(isWorker)) sendMessage(worker.channel[0], message)
  }

  /** False when there is no slot for it, or the system refuses; the reason is logged. */
  #spawn(data: WorkerData, kind: SpawnKind, slot = this.#freeSlot()): boolean {
    if (slot === undefined) return false
    const { cycle, index } = data
    const peers = this.table.all().map((peer) => ({ slot: peer.slot, pid: peer.pid, channel: peer.channel[0] }))
    const onExit = (status: ExitStatus) => this.#onExit(worker, status)
    const order: WorkerOrder = {
      cycle,
      slot,
      index,
      lifeFd: this.#life[1],
      countersFd: this.#countersFd,
      peers: peers.filter((peer) => peer.channel >= 0),
      onExit,
      onFailure: (call, error) => {
        this.log.write(ALERT, `${call} failed while spawning "${WORKER_NAME}" (${reasonText(error)})`)
      },
    }
    const spawned = spawnWorker(order)
    if (spawned === undefined) return false
    const worker: Worker = new ProcessSlot(slot, WORKER_NAME, data, kind, spawned)
    this.table.add(worker)
    this.log.write(NOTICE, `start ${WORKER_NAME} ${worker.pid}`)
    this.#listen(worker)
    this.#pass({ command: OPEN_CHANNEL, pid: worker.pid, slot, fd: worker.channel[0] }, worker)
    return true
  }

  #listen(worker: Worker): void {
    const watch = addon.watchChannel(
      worker.channel[0],
      (command) => {
        if (command !== READY) return
        worker.ready = true
        this.#events.onReady(worker)
      },
      (error) => {
        if (error !== undefined) this.log.write(ALERT, error)
      },
    )
    this.#watches.set(worker, watch)
  }

  /** Sends a message to every live worker but the one that it is about. */
  #pass(message: { command: number; pid: number; slot: number; fd: number }, about: Child): void {
    for (const worker of this.table.all()) {
      if (worker !== about && worker.channel[0] >= 0 && !worker.exited) sendMessage(worker.channel[0], message)
    }
  }

  #onExit(worker: Child, status: ExitStatus): void {
    const { name, pid } = worker
    worker.exited = true
    worker.status = status
    // First of all: from now on nobody should wait for this worker to take its share of connections.
    this.#counters[worker.slot] = -1
    this.log.write(NOTICE, signalText(SIGCHLD, pid, ''))
    if (status.signal !== undefined) {
      this.log.write(ALERT, `${name} ${pid} exited on signal ${constants.signals[status.signal]}`)
    } else {
      this.log.write(NOTICE, `${name} ${pid} exited with code ${status.code}`)
    }
    if (status.code === FATAL_CODE && worker.respawn) {
      this.log.write(ALERT, `${name} ${pid} exited with fatal code ${FATAL_CODE} and cannot be respawned`)
      worker.respawn = false
    }
    this.#events.onExit(worker)
    this.#buryOrphans()
  }

  #bury(worker: Child): void {
    this.#watches.get(worker)?.close()
    this.#watches.delete(worker)
    this.table.release(worker)
    if (worker.detached) return
    for (const fd of worker.channel) if (fd >= 0) addon.close(fd)
    this.#pass({ command: CLOSE_CHANNEL, pid: worker.pid, slot: worker.slot, fd: -1 }, worker)
  }

  #respawn({ data, slot, spawnedAtMs }: Worker): void {
    const quickDeaths = addon.monotonicMs() - spawnedAtMs < QUICK_DEATH_MS ? data.quickDeaths + 1 : 0
    const next = { ...data, quickDeaths }
    if (respawnPause(quickDeaths) === 0) this.#startAgain(next, slot)
    else this.#pause(next)
  }

  /** What the system refuses now it may grant later: a service that has lost its workers must not stay so. */
  #startAgain(data: WorkerData, slot?: number): void {
    if (this.#spawn(data, 'respawn', slot)) return
    this.log.write(ALERT, `could not respawn ${WORKER_NAME}`)
    this.#pause({ ...data, quickDeaths: Math.max(data.quickDeaths + 1, PAUSING_DEATHS) })
  }

  #pause(data: WorkerData): void {
    const timer = setTimeout(() => {
      this.#paused.delete(timer)
      this.#startAgain(data)
    }, respawnPause(data.quickDeaths))
    this.#paused.add(timer)
  }

  #forgetPaused(): void {
    for (const timer of this.#paused) clearTimeout(timer)
    this.#paused.clear()
  }

  #send(worker: Worker, command: number): boolean {
    this.log.write(DEBUG, `channel command ${command} to ${worker.pid}`)
    return sendMessage(worker.channel[0], { command, pid: 0, slot: 0, fd: -1 })
  }

  #kill({ pid, ready }: Worker, signal: Broadcast): void {
    // A process that is starting has no handlers yet: QUIT would dump core and USR1 open a debugger.
    if (!ready && signal === 'USR1') return
    const name = `SIG${!ready && signal === 'QUIT' ? 'TERM' : signal}` as const
    try {
      process.kill(pid, name)
    } catch (error) {
      const cause = asSystemError(error)
      if (cause === undefined) throw error
      this.log.write(ALERT, `kill(${pid}, ${constants.signals[name]}) failed (${errnoText(cause)})`)
    }
  }

  #watchShutdown(worker: Worker): void {
    const { workerShutdownTimeoutMs } = worker.data.cycle.configuration.settings.core
    if (workerShutdownTimeoutMs === 0) return
    setTimeout(
      () => {
        if (worker.exited) return
        this.log.write(ALERT, `${worker.name} ${worker.pid} did not end within worker_shutdown_timeout, killing it`)
        this.tell(worker, 'KILL')
      },
      Math.min(workerShutdownTimeoutMs + STUCK_GRACE_MS, 2 ** 31 - 1),
    ).unref()
  }
}

/** What a process in the table is, in the words of its flags. */
function stateOf(child: Child): string {
  const flags = ['respawn', 'justSpawn', 'detached', 'exiting', 'exited'] as const
  const set = flags.filter((flag) => child[flag]).map((flag) => (flag === 'justSpawn' ? 'just_spawn' : flag))
  return [child.name, ...set, ...(child.ready ? ['ready'] : [])].join(', ')
}

function isWorker(child: Child): child is Worker {
  return child.data !== undefined
}

/** The first death at once is an accident; from the second one on the pauses grow. */
export function respawnPause(quickDeaths: number): number {
  if (quickDeaths < PAUSING_DEATHS) return 0
  return Math.min(FIRST_PAUSE_MS * 2 ** (quickDeaths - PAUSING_DEATHS), LAST_PAUSE_MS)
}
