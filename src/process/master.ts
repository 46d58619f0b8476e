// The master: reads the configuration, holds sockets, zones and the pid file, keeps workers running, and serves nothing
// itself. Signals, dead children and READY messages change flags; MasterLoop decides; this class does what was decided.
// A generation is all workers of one cycle. A reload starts the next generation and waits until all of it is READY; only
// then is the old one told to quit. Until that moment the old cycle is the one in force.

import { copyToStderr, type ErrorLog } from '../log/error_log.ts'
import { ALERT, CRIT, EMERG, NOTICE, WARN } from '../log/levels.ts'
import { flushLogs } from '../log/log_file.ts'
import { sendMessage } from './channel.ts'
import {
  type Cycle,
  type CycleOptions,
  closeListening,
  closeLogs,
  commitCycle,
  prepareNextCycle,
  removePidFile,
  reopenFiles,
} from './cycle.ts'
import type { Inheritance } from './inheritance.ts'
import { EVENT_METHOD_TEXT, logStart } from './log_start.ts'
import { type Broadcast, type MasterActions, MasterLoop } from './master_loop.ts'
import { NEW_BINARY_NAME, oldPidFile, startNewBinary, takePidFileBack } from './new_binary.ts'
import { isParentAlive } from './parent.ts'
import { writePidFile } from './pid_file.ts'
import { MASTER_IGNORES, masterAction, type SignalAction, signalText, WATCHED_SIGNALS } from './signals.ts'
import { StandIns } from './stand_ins.ts'
import { redirectStderr } from './stderr.ts'
import { serveReports } from './table_report.ts'
import { watchSignals } from './watch_signals.ts'
import { type Child, Workers } from './workers.ts'
import { isResizing, SETTLE_MS, settleZones } from './zone_resize.ts'
import { closeZones, NOTE_CLOCKS_MS, noteClocks, recoverZones } from './zones.ts'

/** A generation that has not become READY by then has failed. */
const READY_TIMEOUT_MS = 30_000
/** When a worker of the first generation has died so often at its start, there will be no service. */
const HOPELESS_DEATHS = 3
const FAILED = 1
/** nginx does not know when its workers accept; we do, and an operator may want to. */
const READY_TEXT = 'worker processes are ready'
/** Something must keep the event loop alive when there are no workers; any long time will do. */
const IDLE_TICK_MS = 2 ** 30

const UPGRADING_TEXT =
  "the changing binary signal is ignored: you should shutdown or terminate before either old or new binary's process"

/** Flags that a signal sets. */
const FLAG_OF = {
  quit: 'quit',
  terminate: 'terminate',
  reconfigure: 'reconfigure',
  reopen: 'reopen',
  change_binary: 'changeBinary',
  noaccept: 'noaccept',
} as const satisfies Partial<Record<SignalAction, keyof MasterLoop>>

export interface MasterOptions {
  /** As the first cycle was prepared, for the next ones. */
  readonly request: CycleOptions
  /** The command line, for a new binary. */
  readonly words: readonly string[]
  /** What the first cycle was prepared from when this is a new binary. */
  readonly inheritance: Inheritance | undefined
  readonly daemonised: boolean
  /** The first generation serves. */
  readonly onServing: (cycle: Cycle) => void
}

/** A reload in progress: its generation is not READY yet. */
interface Reload {
  readonly cycle: Cycle
  readonly timer: NodeJS.Timeout
}

export class Master implements MasterActions {
  readonly #options: MasterOptions
  readonly #loop = new MasterLoop(this)
  readonly #workers: Workers
  readonly #standIns = new StandIns((worker, message) => sendMessage(worker.channel[0], message))
  /** In force. */
  #cycle: Cycle
  #reload: Reload | undefined
  /** A whole generation has been READY. Until then start-up goes on: if the first generation cannot serve, neither can the master. */
  #isServing = false
  #settling: NodeJS.Timeout | undefined
  #startTimer: NodeJS.Timeout | undefined
  #exitCode = 0

  constructor(cycle: Cycle, options: MasterOptions) {
    this.#cycle = cycle
    this.#options = options
    this.#workers = new Workers(cycle.log, {
      onReady: () => {
        this.#checkReady()
        this.#updateStandIns()
      },
      onExit: (child) => this.#onExit(child),
    })
  }

  get #log(): ErrorLog {
    return this.#cycle.log
  }

  /** Takes the first cycle into force and starts its workers. Throws ConfigError when the pid file cannot be written. */
  run(): void {
    const { daemonised } = this.#options
    watchSignals(WATCHED_SIGNALS, MASTER_IGNORES, (signal, sender) => this.#onSignal(signal, sender, daemonised))
    setInterval(() => {}, IDLE_TICK_MS)
    setInterval(() => noteClocks(this.#cycle.zones), NOTE_CLOCKS_MS)
    writePidFile(this.#cycle.configuration.settings.core.pid)
    commitCycle(this.#cycle, this.#options.inheritance)
    logStart(this.#log)
    serveReports(
      (fd) => this.#workers.report(fd),
      (error) => this.#log.write(WARN, `the process table cannot be asked for: ${error.message}`),
    )
    this.#startTimer = setTimeout(
      () => this.#giveUp(`worker processes are not ready after ${READY_TIMEOUT_MS}ms`),
      READY_TIMEOUT_MS,
    )
    this.startWorkers()
    this.#checkReady()
    this.#settleZones()
  }

  // What MasterLoop asks for.

  reap(): boolean {
    const live = this.#workers.reap(this.#loop.terminate || this.#loop.quit)
    this.#checkReady()
    return live
  }

  broadcast(signal: Broadcast): void {
    this.#workers.broadcast(signal)
  }

  closeListeningSockets(): void {
    closeListening(this.#cycle, this.#loop.newBinary)
  }

  startWorkers(): void {
    this.#log.write(NOTICE, 'start worker processes')
    this.#workers.start(this.#cycle, 'respawn')
  }

  beginReload(): boolean {
    const log = this.#log
    log.write(NOTICE, 'reconfiguring')
    const cycle = prepareNextCycle(this.#cycle, { ...this.#options.request, log })
    if (cycle === undefined) return false
    log.write(NOTICE, EVENT_METHOD_TEXT)
    log.write(NOTICE, 'start worker processes')
    const timer = setTimeout(
      () => this.#failReload(`new worker processes are not ready after ${READY_TIMEOUT_MS}ms`, 'KILL'),
      READY_TIMEOUT_MS,
    )
    this.#reload = { cycle, timer }
    this.#workers.start(cycle, 'just_respawn')
    // With no workers, or when none could be spawned, nobody will say READY: not within this step, which is not over.
    setImmediate(() => this.#checkReady())
    return true
  }

  abandonReload(): void {
    const reload = this.#endReload()
    if (reload === undefined) return
    this.#log.write(WARN, 'the reload in progress is given up')
    this.#dropNew(reload.cycle, 'TERM')
  }

  reopenLogs(): void {
    this.#log.write(NOTICE, 'reopening logs')
    for (const { files, configuration } of new Set([this.#cycle, this.#reload?.cycle ?? this.#cycle])) {
      reopenFiles(files, this.#log, configuration.settings.core.user)
    }
    if (this.#isServing) redirectStderr(this.#log)
  }

  changeBinary(): void {
    this.#log.write(NOTICE, 'changing binary')
    const child = startNewBinary(this.#cycle, this.#options.words, this.#log)
    if (child === undefined) return
    this.#loop.newBinary = this.#workers.addDetached(NEW_BINARY_NAME, child)
    if (this.#loop.newBinary) return
    child.kill('SIGKILL')
    this.#takePidFileBack()
  }

  setAlarm(delayMs: number): void {
    setTimeout(() => this.#loop.onAlarm(), delayMs)
  }

  exit(): never {
    const log = this.#log
    const { pid } = this.#cycle.configuration.settings.core
    const { newBinary } = this.#loop
    removePidFile(newBinary ? oldPidFile(pid) : pid, log)
    log.write(NOTICE, 'exit')
    closeListening(this.#cycle, newBinary)
    for (const cycle of new Set([this.#cycle, this.#reload?.cycle ?? this.#cycle])) closeZones(cycle.zones, [], log)
    flushLogs()
    process.exit(this.#exitCode)
  }

  #onSignal(signal: number, sender: number, daemonised: boolean): void {
    const asked = masterAction(signal, daemonised)
    const isUpgrading = asked === 'change_binary' && (isParentAlive() || this.#loop.newBinary)
    const action = isUpgrading ? 'ignore' : asked
    this.#log.write(NOTICE, signalText(signal, sender, action))
    if (isUpgrading) this.#log.write(CRIT, UPGRADING_TEXT)
    if (action === '' || action === 'ignore') return
    this.#loop[FLAG_OF[action]] = true
    this.#loop.step()
  }

  #onExit(child: Child): void {
    if (child.detached) this.#onNewBinaryExit()
    else this.#onWorkerExit(child)
    this.#loop.reaping = true
    this.#loop.step()
    this.#updateStandIns()
    this.#settleZones()
  }

  /** Goes on with resizing zones, and looks again later if there is still something to wait for. */
  #settleZones(): void {
    clearTimeout(this.#settling)
    // While a generation is starting it is not decided what will be in force.
    if (this.#reload === undefined) {
      const isAlone = this.#workers.areAllOf(this.#cycle) && !this.#loop.newBinary && !isParentAlive()
      if (settleZones(this.#cycle.zones, this.#log, isAlone)) this.#workers.followZones()
    }
    if (isResizing(this.#cycle.zones)) this.#settling = setTimeout(() => this.#settleZones(), SETTLE_MS)
  }

  #onNewBinaryExit(): void {
    this.#takePidFileBack()
    this.#loop.onNewBinaryExit()
  }

  #onWorkerExit(worker: Child): void {
    const zones = new Set([...this.#cycle.zones, ...(this.#reload?.cycle.zones ?? [])])
    for (const name of recoverZones(zones, worker.pid)) {
      this.#log.write(ALERT, `shared memory zone "${name}" was locked by ${worker.pid}`)
    }
    if (this.#reload !== undefined && worker.data?.cycle === this.#reload.cycle && !worker.exiting) {
      this.#failReload(`new ${worker.name} ${worker.pid} did not start`, 'TERM')
    } else if (!this.#isServing && isHopeless(worker)) {
      this.#giveUp('worker processes die at their start')
    }
  }

  /** Before a first generation serves, nobody can; when all are to leave, nobody has to. */
  #updateStandIns(): void {
    if (!this.#isServing || this.#loop.quit || this.#loop.terminate) return
    this.#standIns.update(this.#cycle, this.#workers.ofCycle(this.#cycle))
  }

  #takePidFileBack(): void {
    takePidFileBack(this.#cycle.configuration.settings.core.pid, this.#log)
  }

  /** Is the generation that is starting complete? */
  #checkReady(): void {
    const { cycle } = this.#reload ?? { cycle: this.#cycle }
    if (cycle === this.#cycle && this.#isServing) return
    const workers = this.#workers.ofCycle(cycle)
    if (!workers.every(({ ready }) => ready)) return
    const wanted = cycle.configuration.settings.core.workerProcesses
    if (cycle !== this.#cycle) {
      if (workers.length === wanted) this.#finishReload(cycle)
      else this.#failReload('new worker processes could not be spawned', 'TERM')
    } else if (workers.length > 0 || wanted === 0) {
      this.#serve()
    } else if (!this.#workers.isPausing) {
      this.#giveUp('no worker process could be started')
    }
  }

  /** The cycle in force has all its workers: from the first time on, start-up is complete. */
  #serve(): void {
    this.#log.write(NOTICE, READY_TEXT)
    if (!this.#isServing) {
      this.#isServing = true
      clearTimeout(this.#startTimer)
      this.#options.onServing(this.#cycle)
      copyToStderr(false)
    }
    redirectStderr(this.#log)
  }

  /** Start-up has failed: ends what has started, and then this process with an error. */
  #giveUp(reason: string): void {
    // Told to stop, it ends in its own way.
    if (this.#loop.terminate || this.#loop.quit) return
    this.#log.write(EMERG, reason)
    this.#exitCode = FAILED
    this.#loop.terminate = true
    // There may be nothing to wait for.
    this.#loop.reaping = true
    this.#loop.step()
  }

  #finishReload(cycle: Cycle): void {
    this.#endReload()
    const old = this.#cycle
    this.#cycle = cycle
    this.#workers.log = cycle.log
    commitCycle(cycle, old)
    closeLogs(old)
    this.#loop.noaccepting = false
    this.#serve()
    this.#workers.broadcast('QUIT', true)
    this.#settleZones()
    this.#reloaded()
  }

  /** Nothing of the old generation has been touched: it goes on serving. `signal` is for new workers that are not READY. */
  #failReload(reason: string, signal: 'TERM' | 'KILL'): void {
    const reload = this.#endReload()
    if (reload === undefined) return
    this.#log.write(EMERG, `${reason}, the old configuration stays in force`)
    this.#dropNew(reload.cycle, signal)
    this.#checkReady()
    this.#reloaded()
  }

  #dropNew(cycle: Cycle, signal: 'TERM' | 'KILL'): void {
    this.#workers.drop(cycle, signal)
    cycle.undo.run()
  }

  #reloaded(): void {
    this.#loop.reloading = false
    this.#loop.step()
  }

  #endReload(): Reload | undefined {
    const reload = this.#reload
    clearTimeout(reload?.timer)
    this.#reload = undefined
    return reload
  }
}

function isHopeless({ data, ready }: Child): boolean {
  return data !== undefined && !ready && data.quickDeaths + 1 >= HOPELESS_DEATHS
}
