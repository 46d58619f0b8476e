// `master_process off`: one process that does everything, for looking into things with a debugger. No workers, no
// respawning; a reload exchanges the server inside the process, and the old one goes on until its connections are done.

import { HttpServer } from '../http/server.ts'
import { copyToStderr, type ErrorLog } from '../log/error_log.ts'
import { ERROR, NOTICE } from '../log/levels.ts'
import { flushLogs } from '../log/log_file.ts'
import { addon } from '../native/addon.ts'
import {
  type Cycle,
  closeListening,
  closeLogs,
  commitCycle,
  prepareNextCycle,
  removePidFile,
  reopenFiles,
} from './cycle.ts'
import { EVENT_METHOD_TEXT, logStart } from './log_start.ts'
import type { MasterOptions } from './master.ts'
import { buryOrphans } from './orphans.ts'
import { writePidFile } from './pid_file.ts'
import { MASTER_IGNORES, masterAction, signalText, WATCHED_SIGNALS } from './signals.ts'
import { redirectStderr } from './stderr.ts'
import { watchSignals } from './watch_signals.ts'
import { isResizing, SETTLE_MS, settleZones } from './zone_resize.ts'
import { closeZones, NOTE_CLOCKS_MS, noteClocks } from './zones.ts'

interface Serving {
  readonly server: HttpServer
  /** Copies of the cycle's sockets: two servers may listen on one of them for a while, and each closes its own. */
  readonly fds: readonly number[]
}

export class SingleProcess {
  readonly #options: MasterOptions
  readonly #counters = new Int32Array(1)
  #cycle: Cycle
  #serving: Serving | undefined
  #settling: NodeJS.Timeout | undefined

  constructor(cycle: Cycle, options: MasterOptions) {
    this.#cycle = cycle
    this.#options = options
  }

  get #log(): ErrorLog {
    return this.#cycle.log
  }

  /** Serves. Throws ConfigError when the pid file cannot be written. */
  run(): void {
    watchSignals(WATCHED_SIGNALS, MASTER_IGNORES, (signal, sender) => this.#onSignal(signal, sender))
    buryOrphans(
      () => [],
      () => this.#log,
    )
    setInterval(() => noteClocks(this.#cycle.zones), NOTE_CLOCKS_MS)
    writePidFile(this.#cycle.configuration.settings.core.pid)
    commitCycle(this.#cycle, this.#options.inheritance)
    logStart(this.#log)
    this.#serving = this.#serve(this.#cycle)
    this.#options.onServing(this.#cycle)
    copyToStderr(false)
    redirectStderr(this.#log)
  }

  /** Nobody else uses the zones but those who have a state file open, too. */
  #settleZones(): void {
    clearTimeout(this.#settling)
    settleZones(this.#cycle.zones, this.#log, true)
    if (isResizing(this.#cycle.zones)) this.#settling = setTimeout(() => this.#settleZones(), SETTLE_MS)
  }

  #serve({ configuration, sockets, log }: Cycle): Serving {
    const copies = sockets.map(({ request, fd }) => ({ request, fd: addon.dup(fd) }))
    const server = new HttpServer({
      configuration: configuration.http,
      sockets: copies,
      counters: this.#counters,
      slot: 0,
      log,
      connectionLimit: configuration.settings.events.workerConnections,
      acceptPauseMs: configuration.settings.events.acceptMutexDelayMs,
      debugConnections: configuration.settings.events.debugConnections,
    })
    server.start()
    return { server, fds: copies.map(({ fd }) => fd) }
  }

  #onSignal(signal: number, sender: number): void {
    const action = masterAction(signal, this.#options.daemonised)
    this.#log.write(NOTICE, signalText(signal, sender, action))
    if (action === 'quit' || action === 'terminate') this.#exit()
    else if (action === 'reconfigure') this.#reload()
    else if (action === 'reopen') this.#reopen()
    else if (action !== '' && action !== 'ignore') this.#log.write(ERROR, 'there are no worker processes, ignored')
  }

  #reload(): void {
    this.#log.write(NOTICE, 'reconfiguring')
    const old = this.#cycle
    const cycle = prepareNextCycle(old, { ...this.#options.request, log: this.#log })
    if (cycle === undefined) return
    cycle.log.write(NOTICE, EVENT_METHOD_TEXT)
    const before = this.#serving
    this.#cycle = cycle
    commitCycle(cycle, old)
    this.#settleZones()
    // The old server's requests still write to the old logs: these are closed when they are done. It quits before there is a
    // new one, whose idle connections to upstreams would be closed with its own; who connects meanwhile is queued.
    before?.server.quit(() => closeLogs(old))
    for (const fd of before?.fds ?? []) addon.close(fd)
    this.#serving = this.#serve(cycle)
  }

  #reopen(): void {
    this.#log.write(NOTICE, 'reopening logs')
    reopenFiles(this.#cycle.files, this.#log, undefined)
    redirectStderr(this.#log)
  }

  #exit(): never {
    const log = this.#log
    this.#serving?.server.terminate()
    removePidFile(this.#cycle.configuration.settings.core.pid, log)
    log.write(NOTICE, 'exit')
    closeListening(this.#cycle)
    closeZones(this.#cycle.zones, [], log)
    flushLogs()
    process.exit(0)
  }
}
