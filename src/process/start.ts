// From options to a running server: reads and opens the configuration and hands it to a master, a single process, or a
// daemon that will do all this again.

import { writeSync } from 'node:fs'
import { ConfigError } from '../config/error.ts'
import { copyToStderr } from '../log/error_log.ts'
import { EMERG } from '../log/levels.ts'
import { addon } from '../native/addon.ts'
import { openBuiltinLog } from './builtin_log.ts'
import { type Cycle, type CycleOptions, prepareCycle, readForCycle } from './cycle.ts'
import { becomeDaemon, reportServing, startDaemon } from './daemon.ts'
import { HELLO_VARIABLE, helloLine } from './hello.ts'
import { takeInheritance } from './inheritance.ts'
import { Master, type MasterOptions } from './master.ts'
import { SingleProcess } from './single.ts'
import type { StartOptions } from './start_options.ts'
import { masterTitle, setTitle } from './title.ts'

const FAILED = 1
const FIRST_INHERITED_FD = 3

export interface StartRequest {
  readonly options: StartOptions
  /** The command line, for the process title and for the daemon. */
  readonly words: readonly string[]
  /** This process is the daemon already. */
  readonly daemonised: boolean
}

/** Starts the server; ends the process when that is not possible. Returns while it runs. */
export function start({ options, words, daemonised: isDaemon }: StartRequest): void {
  copyToStderr(true)
  if (isDaemon) becomeDaemon()
  // What a shell or a service manager has left open must not reach the workers.
  addon.setCloexecFrom(FIRST_INHERITED_FD)
  const builtinLog = openBuiltinLog(options, false)
  const inheritance = takeInheritance(process.env, builtinLog)
  // A new binary is a daemon because the old one is.
  const daemonised = isDaemon || inheritance !== undefined
  const request: CycleOptions = { options, daemonised, log: builtinLog }
  const read = readForCycle(request)
  if (read === undefined) process.exit(FAILED)
  const { core } = read.configuration.settings
  if (core.daemon && !daemonised) {
    startDaemon(words)
    return
  }
  const cycle = prepareCycle(inheritance, request, read)
  if (cycle === undefined) process.exit(FAILED)

  builtinLog.file?.close()
  const onServing = (serving: Cycle) => tell(serving, isDaemon)
  const masterOptions: MasterOptions = { request, words, inheritance, daemonised, onServing }
  const server = core.masterProcess ? new Master(cycle, masterOptions) : new SingleProcess(cycle, masterOptions)
  setTitle(masterTitle(words))
  try {
    server.run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    cycle.log.write(EMERG, error.message)
    cycle.undo.run()
    process.exit(FAILED)
  }
}

function tell({ configuration, sockets }: Cycle, isDaemon: boolean): void {
  const wantsHello = configuration.options.isDefaultConf || process.env[HELLO_VARIABLE] === '1'
  const line = wantsHello ? helloLine(sockets) : undefined
  if (line !== undefined) sayHello(line)
  if (isDaemon) reportServing()
}

/** Whoever asked for the line may have gone, or read nothing: no reason to end, nor to wait (as stdout.ts does). */
function sayHello(line: string): void {
  try {
    writeSync(1, Buffer.from(`${line}\n`, 'latin1'))
  } catch {
    // Nobody reads.
  }
}
