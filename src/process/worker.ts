// A worker: accepts and serves until it is told to end. It is told by its master's channel, by signals, or by the life
// pipe, whose end means that the master is dead.
// Until it has said READY only the channel reaches it; nothing that comes earlier is lost, it waits in the socket.

import { HttpServer } from '../http/server.ts'
import { type ErrorLog, writeToStderr } from '../log/error_log.ts'
import { ALERT, EMERG, NOTICE } from '../log/levels.ts'
import { flushLogs } from '../log/log_file.ts'
import { reportSyslogFailures } from '../log/syslog.ts'
import { addon, type Watch } from '../native/addon.ts'
import {
  CLOSE_CHANNEL,
  FOLLOW,
  GREETING,
  LOST_FD,
  OPEN_CHANNEL,
  QUIT,
  READY,
  REOPEN,
  REPORT,
  STAND_DOWN,
  STAND_IN,
  sendMessage,
  TERMINATE,
} from './channel.ts'
import { reopenFiles } from './cycle.ts'
import { signalText, WORKER_IGNORES, WORKER_SIGNALS, workerAction } from './signals.ts'
import { CHANNEL_FD, LIFE_FD, type WorkerBoot } from './spawn.ts'
import { redirectStderr } from './stderr.ts'
import { writeReport } from './table_report.ts'
import { setTitle, WORKER_NAME } from './title.ts'
import { watchSignals } from './watch_signals.ts'
import { bootWorker, type WorkerState } from './worker_boot.ts'
import { FatalInitError, initWorker } from './worker_init.ts'
import { followZones } from './zone_resize.ts'

/** The next worker would fail in the same way: the master does not respawn it. */
const FATAL_CODE = 2
/** A crash: the master respawns. */
const CRASH_CODE = 1
/** Counter of a worker that does not accept any more. So low that connections which end do not make it look alive. */
const GONE = -(2 ** 30)
/** Longer timers fire at once in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** The life of a worker process; returns when it serves. Ends the process itself. */
export function runWorker(boot: WorkerBoot): void {
  setTitle(WORKER_NAME)
  let state: WorkerState
  try {
    state = bootWorker(boot)
  } catch (error) {
    // No log yet; descriptor 2 is the file of the error log.
    writeToStderr(EMERG, `${WORKER_NAME} ${process.pid} cannot start: ${(error as Error).stack}`)
    process.exit(FATAL_CODE)
  }
  const { log } = state.configuration
  reportSyslogFailures((level, message) => log.write(level, message))
  const { core } = state.configuration.settings
  process.on('uncaughtException', (error) => {
    log.write(ALERT, `uncaught exception: ${error.stack ?? error.message}`)
    stopAtDebugPoint(core.debugPoints)
    process.exit(CRASH_CODE)
  })
  let worker: Worker
  try {
    worker = new Worker(state)
  } catch (error) {
    if (!(error instanceof FatalInitError)) log.write(EMERG, (error as Error).message)
    process.exit(FATAL_CODE)
  }
  worker.serve()
}

/** `debug_points`: where a mistake of ours was found, a debugger can look at the process, or at its core dump. */
function stopAtDebugPoint(what: 'stop' | 'abort' | undefined): void {
  if (what === 'stop') process.kill(process.pid, 'SIGSTOP')
  else if (what === 'abort') process.abort()
}

class Worker {
  readonly #state: WorkerState
  readonly #log: ErrorLog
  readonly #server: HttpServer
  #watches: Watch[] = []
  #quitting = false
  /** Sockets of siblings that are away, by the sibling's number. */
  readonly #standingIn: { readonly index: number; readonly fd: number }[] = []

  constructor(state: WorkerState) {
    const { boot, configuration, sockets, counters, daemonised } = state
    const { core, events } = configuration.settings
    this.#state = state
    this.#log = configuration.log
    this.#server = new HttpServer({
      configuration: configuration.http,
      sockets,
      counters,
      slot: boot.slot,
      log: this.#log,
      connectionLimit: events.workerConnections,
      acceptPauseMs: events.acceptMutexDelayMs,
      debugConnections: events.debugConnections,
    })
    initWorker(core, boot.index, this.#log)
    watchSignals(WORKER_SIGNALS, WORKER_IGNORES, (signal, sender) => this.#onSignal(signal, sender, daemonised))
  }

  /** Starts accepting, says so, and from now on does what it is told. */
  serve(): void {
    const { boot, counters } = this.#state
    counters[boot.slot] = 0
    this.#server.start()
    this.#watches = [
      addon.watchChannel(
        CHANNEL_FD,
        (command, pid, slot, fd) => this.#onMessage(command, pid, slot, fd),
        (error) => this.#onChannelEnd(error),
      ),
      addon.watchEnd(LIFE_FD, () => this.#onOrphaned()),
    ]
    sendMessage(CHANNEL_FD, { command: READY, pid: process.pid, slot: boot.slot, fd: -1 })
  }

  #onMessage(command: number, pid: number, slot: number, passedFd: number): void {
    const fd = Math.max(passedFd, -1)
    // The channel must live: by it the worker is told to end, and then it has descriptors to give back.
    if (passedFd === LOST_FD) this.#log.write(ALERT, `recvmsg() truncated data: no descriptor for command ${command}`)
    switch (command) {
      case OPEN_CHANNEL:
        this.#state.peers.open(slot, pid, fd)
        break
      case CLOSE_CHANNEL:
        this.#state.peers.close(slot)
        break
      case QUIT:
        this.#quit()
        break
      case TERMINATE:
        this.#terminate()
        break
      case REOPEN:
        this.#reopen()
        break
      case STAND_IN:
        this.#standIn(pid, slot, fd)
        break
      case STAND_DOWN:
        this.#standDown(pid)
        break
      case FOLLOW:
        followZones(this.#state.configuration.parsed.resources.zones.values())
        break
      case REPORT:
        if (fd >= 0) this.#report(fd)
        break
      case GREETING:
        if (fd >= 0) this.#greet(fd, slot)
        break
    }
  }

  /** A sibling is away: what is queued on its sockets is ours until it is back. */
  #standIn(index: number, place: number, fd: number): void {
    const request = this.#state.configuration.parsed.resources.listens[place]
    if (fd < 0 || request === undefined || this.#quitting) {
      if (fd >= 0) addon.close(fd)
      return
    }
    this.#standingIn.push({ index, fd })
    this.#server.listen({ request, fd, isOwn: true })
  }

  #standDown(index: number): void {
    for (const socket of this.#standingIn.filter((standing) => standing.index === index)) {
      this.#server.unlisten(socket.fd)
      addon.close(socket.fd)
      this.#standingIn.splice(this.#standingIn.indexOf(socket), 1)
    }
  }

  #report(connection: number): void {
    const { boot, peers } = this.#state
    const own = { slot: boot.slot, pid: process.pid, writeFd: -1, readFd: CHANNEL_FD }
    const others = [...peers.entries()].map(([slot, { pid, channel }]) => ({ slot, pid, writeFd: channel, readFd: -1 }))
    const table = [own, ...others].sort((a, b) => a.slot - b.slot)
    writeReport(connection, { kind: 'view', slot: boot.slot, pid: process.pid, table })
    for (const { writeFd } of others) {
      if (writeFd < 0) continue
      sendMessage(writeFd, { command: GREETING, pid: process.pid, slot: boot.slot, fd: connection })
    }
    addon.close(connection)
  }

  #greet(connection: number, from: number): void {
    writeReport(connection, { kind: 'reached', from, to: this.#state.boot.slot })
    addon.close(connection)
  }

  #onSignal(signal: number, sender: number, daemonised: boolean): void {
    const action = workerAction(signal, daemonised)
    this.#log.write(NOTICE, signalText(signal, sender, action))
    if (action === 'quit') this.#quit()
    else if (action === 'terminate') this.#terminate()
    else if (action === 'reopen') this.#reopen()
  }

  /** The channel is of no use any more; the worker still is. */
  #onChannelEnd(error: string | undefined): void {
    if (error !== undefined) this.#log.write(ALERT, error)
    addon.close(CHANNEL_FD)
  }

  #onOrphaned(): void {
    this.#log.write(ALERT, `the master process ${this.#state.boot.masterPid} is gone`)
    this.#quit()
  }

  #quit(): void {
    if (this.#quitting) return
    this.#quitting = true
    this.#log.write(NOTICE, 'gracefully shutting down')
    setTitle(`${WORKER_NAME} is shutting down`)
    const { boot, configuration, counters, sockets } = this.#state
    counters[boot.slot] = GONE
    const timeoutMs = configuration.settings.core.workerShutdownTimeoutMs
    if (timeoutMs > 0) setTimeout(() => this.#cutOff(), Math.min(timeoutMs, MAX_TIMER_MS))
    this.#server.quit(() => this.#exit())
    // Others may listen on; only this worker's hold on the sockets ends.
    for (const { fd } of [...sockets, ...this.#standingIn.splice(0)]) addon.close(fd)
  }

  #cutOff(): void {
    this.#log.write(NOTICE, `worker_shutdown_timeout is over, ${this.#server.connections} connections are cut off`)
    this.#terminate()
  }

  /** Drops everything. */
  #terminate(): void {
    this.#server.terminate()
    this.#exit()
  }

  #exit(): never {
    this.#log.write(NOTICE, 'exiting')
    for (const watch of this.#watches) watch.close()
    this.#log.write(NOTICE, 'exit')
    flushLogs()
    process.exit(0)
  }

  #reopen(): void {
    this.#log.write(NOTICE, 'reopening logs')
    reopenFiles(this.#state.configuration.parsed.resources.files.values(), this.#log, undefined)
    redirectStderr(this.#log)
  }
}
