// A cycle: one configuration in force, with everything the process opened for it. Building one from the next is a
// transaction: read, open logs, zones and sockets; if a step fails, or later the new workers do not start, all of it is
// undone and the old cycle has not been touched. What changes old things happens in `commit` alone.

import { chownSync, constants, fchmodSync, fchownSync, fstatSync, mkdirSync, statSync } from 'node:fs'
import { ConfigError } from '../config/error.ts'
import { LiveSource } from '../config/source.ts'
import type { WorkerUser } from '../config/users.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, EMERG, WARN } from '../log/levels.ts'
import type { LogFile } from '../log/log_file.ts'
import { reportSyslogFailures } from '../log/syslog.ts'
import { flushLogBuffers } from '../modules/log/buffer.ts'
import { addon } from '../native/addon.ts'
import { type Configuration, type ReadHooks, readConfiguration } from './configuration.ts'
import type { Inheritance } from './inheritance.ts'
import {
  applySocketOptions,
  closeSockets,
  isForWorker,
  type ListeningSocket,
  openSockets,
} from './listening_sockets.ts'
import { deletePidFile, probePidFile, writePidFile } from './pid_file.ts'
import { writeSnapshot } from './snapshot.ts'
import type { StartOptions } from './start_options.ts'
import { systemFailure } from './system_failure.ts'
import { UndoList } from './undo_list.ts'
import { useZones } from './zone_resize.ts'
import { closeZones, type OpenZone, openZones } from './zones.ts'

const OWNER_READS_AND_WRITES = constants.S_IRUSR | constants.S_IWUSR

export interface Cycle {
  readonly configuration: Configuration
  readonly log: ErrorLog
  readonly files: readonly LogFile[]
  readonly zones: readonly OpenZone[]
  /** Emptied when the master stops listening. */
  sockets: readonly ListeningSocket[]
  /** The record for workers; -1 while testing. */
  readonly snapshotFd: number
  /** What was opened for this cycle alone; empty once it is in force. */
  readonly undo: UndoList
}

export interface CycleOptions {
  readonly options: StartOptions
  /** Where failures are told until the new configuration's own log is open. */
  readonly log: ErrorLog
  readonly testing?: boolean
  readonly daemonised?: boolean
  readonly onSyntaxOk?: () => void
}

/** A configuration that has been read, with the record of what was read. Nothing is opened yet. */
export interface ReadConfiguration {
  readonly configuration: Configuration
  readonly source: LiveSource
}

/** Reads the configuration. Logs what is wrong and returns undefined when it cannot be used. */
export function readForCycle({ options, log, onSyntaxOk }: CycleOptions): ReadConfiguration | undefined {
  const source = new LiveSource((host) => addon.resolveHost(host))
  const hooks: ReadHooks = {
    onWarning: (text) => log.write(WARN, text),
    ...(onSyntaxOk === undefined ? {} : { onSyntaxOk }),
  }
  try {
    return { configuration: readConfiguration(options, source, hooks), source }
  } catch (error) {
    logRefusal(error, log)
    return undefined
  }
}

/** What a cycle takes over and then replaces: the one before it, or what an old master has handed over. */
export type Predecessor = Cycle | Inheritance

/** Opens the configuration that follows `old`. Logs what is wrong and returns undefined when it cannot be used. */
export function prepareCycle(
  old: Predecessor | undefined,
  request: CycleOptions,
  read: ReadConfiguration | undefined = readForCycle(request),
): Cycle | undefined {
  if (read === undefined) return undefined
  const undo = new UndoList()
  const logs = { current: request.log }
  try {
    return openCycle(old, request, read, undo, logs)
  } catch (error) {
    try {
      // Before undoing: that closes the new log.
      logRefusal(error, logs.current)
    } finally {
      undo.run()
    }
    return undefined
  }
}

/** As prepareCycle, for a reload: a mistake of ours, too, is only logged, and `old` serves on. */
export function prepareNextCycle(old: Cycle, request: CycleOptions): Cycle | undefined {
  try {
    return prepareCycle(old, request)
  } catch (error) {
    request.log.write(ALERT, `uncaught exception: ${(error as Error).stack}`)
    return undefined
  }
}

/** Puts a prepared cycle in force: what only the old one used is closed, but for its logs (closeLogs). */
export function commitCycle(cycle: Cycle, old: Predecessor | undefined): void {
  cycle.undo.clear()
  reportSyslogFailures((level, message) => cycle.log.write(level, message))
  useZones(cycle.zones, cycle.log)
  applySocketOptions(cycle.sockets, old?.sockets ?? [], cycle.log)
  if (old === undefined) return
  closeZones(old.zones, cycle.zones, cycle.log)
  closeSockets(old.sockets, cycle.sockets, cycle.log)
  if (!isCycle(old)) return
  const { pid } = cycle.configuration.settings.core
  const oldPid = old.configuration.settings.core.pid
  if (pid !== oldPid) removePidFile(oldPid, cycle.log)
  addon.close(old.snapshotFd)
}

/** Closes the logs of a cycle by which nobody in this process works any more. */
export function closeLogs({ files, configuration }: Cycle): void {
  // Without a master, lines of requests may wait there still.
  flushLogBuffers()
  for (const file of files) file.close()
  for (const peer of configuration.parsed.resources.syslogs) peer.close()
}

/** Closes the listening sockets; nobody is connected any more once the workers have closed theirs. */
export function closeListening(cycle: Cycle, keepFiles = false): void {
  closeSockets(cycle.sockets, [], cycle.log, keepFiles)
  cycle.sockets = []
}

/**
 * Opens the log files again, each on its own: one that fails keeps its old descriptor. `owner`: the user of the workers, who must be able to open the files that the master has just created.
 */
export function reopenFiles(files: Iterable<LogFile>, log: ErrorLog, owner: WorkerUser | undefined): void {
  // What waits in the buffers of access logs belongs to the old files.
  flushLogBuffers()
  for (const file of files) {
    try {
      file.reopen((fd) => {
        if (owner !== undefined) giveTo(owner, fd)
      })
    } catch (error) {
      const { syscall = 'open' } = error as NodeJS.ErrnoException
      log.write(EMERG, systemFailure(`${syscall}() "${file.path}" failed`, error).message)
    }
  }
}

function giveTo({ uid }: WorkerUser, fd: number): void {
  const stat = fstatSync(fd)
  if (stat.uid !== uid) fchownSync(fd, uid, -1)
  if ((stat.mode & OWNER_READS_AND_WRITES) !== OWNER_READS_AND_WRITES)
    fchmodSync(fd, stat.mode | OWNER_READS_AND_WRITES)
}

/** A failure is an alert: the file names a process that is no more. */
export function removePidFile(path: string, log: ErrorLog): void {
  try {
    deletePidFile(path)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log.write(ALERT, error.message)
  }
}

/** The sockets that worker number `index` inherits. */
export function socketsOfWorker(cycle: Cycle, index: number): ListeningSocket[] {
  const workers = cycle.configuration.settings.core.workerProcesses
  return cycle.sockets.filter((socket) => isForWorker(socket, index, workers))
}

/** Of a wrong configuration, or of what the system refuses. Anything else is a mistake of ours and is thrown on. */
function logRefusal(error: unknown, log: ErrorLog): void {
  const { syscall = 'open' } = error as NodeJS.ErrnoException
  const refusal = error instanceof ConfigError ? error : systemFailure(`${syscall}() failed`, error)
  log.write(EMERG, refusal.message)
}

function isCycle(old: Predecessor): old is Cycle {
  return 'configuration' in old
}

function openCycle(
  old: Predecessor | undefined,
  { options, log: outerLog, testing = false, daemonised = false }: CycleOptions,
  { configuration, source }: ReadConfiguration,
  undo: UndoList,
  logs: { current: ErrorLog },
): Cycle {
  const { resources } = configuration.parsed
  const { core } = configuration.settings
  const files = [...resources.files.values()]

  claimPidFile(core.pid, old, testing, undo)
  makeFolders(resources.folders, core.user)
  openFiles(files, undo)
  undo.add(() => {
    for (const peer of resources.syslogs) peer.close()
  })
  const log = configuration.log
  // A test tells its caller more than the configuration asks for, and that on stderr.
  logs.current = testing ? outerLog : log

  const zones = openZones(resources.zones.values(), old?.zones ?? [], {
    undo,
    testing,
    onWarning: (text) => logs.current.write(WARN, text),
  })
  const workers = core.masterProcess ? core.workerProcesses : 1
  const sockets = openSockets(resources.listens, old?.sockets ?? [], { log: logs.current, workers, testing, undo })

  let snapshotFd = -1
  if (!testing) {
    snapshotFd = writeSnapshot({
      options,
      source: source.snapshot,
      daemonised,
      zones: zones.map(({ name }) => name),
      files: files.map(({ path }) => path),
      listens: resources.listens.map(({ text }) => text),
    })
    undo.add(() => addon.close(snapshotFd))
  }
  return { configuration, log, files, zones, sockets, snapshotFd, undo }
}

/** At the first start the master writes it itself, when it handles signals. */
function claimPidFile(path: string, old: Predecessor | undefined, testing: boolean, undo: UndoList): void {
  if (testing) {
    probePidFile(path)
  } else if (old !== undefined && isCycle(old) && old.configuration.settings.core.pid !== path) {
    writePidFile(path)
    undo.add(() => deletePidFile(path))
  }
}

/** Workers that are not root could not make them: they get them as their own. */
function makeFolders(folders: Iterable<string>, owner: WorkerUser | undefined): void {
  if (owner === undefined) return
  for (const folder of folders) {
    const path = Buffer.from(folder, 'latin1')
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      if (statSync(path).uid !== owner.uid) chownSync(path, owner.uid, -1)
    } catch (error) {
      throw systemFailure(`mkdir() "${folder}" failed`, error)
    }
  }
}

function openFiles(files: readonly LogFile[], undo: UndoList): void {
  for (const file of files) {
    try {
      file.open()
    } catch (error) {
      throw systemFailure(`open() "${file.path}" failed`, error)
    }
    undo.add(() => file.close())
  }
}
