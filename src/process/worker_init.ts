// What a worker does to itself before it serves, in nginx's order: priority, limits, user, CPUs, core dumps, folder. Zones
// are attached and the handlers of all locations built before: a worker that has given up root may find no file of the
// package any more. What makes a worker less comfortable is an alert; what would make it another user, or let it work in
// another folder, than the configuration says is fatal.

import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { CoreConf } from '../config/core_directives.ts'
import { cpusOfWorker } from '../config/cpu_affinity.ts'
import { errnoText } from '../config/errno_text.ts'
import type { SystemError } from '../config/types.ts'
import type { WorkerUser } from '../config/users.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, EMERG, type LogLevel, NOTICE } from '../log/levels.ts'
import { addon } from '../native/addon.ts'

/** The worker cannot become what it should be; it has been logged. */
export class FatalInitError extends Error {
  override readonly name = 'FatalInitError'
}

/** Brings the process into the state that `core` asks of worker number `index` of its generation. Throws FatalInitError. */
export function initWorker(core: Readonly<CoreConf>, index: number, log: ErrorLog): void {
  const { workerPriority, workerRlimitNofile, workerRlimitCoreBytes, workerCpuAffinity, workingDirectory, user } = core
  const attempt = (text: string, level: LogLevel, step: () => void) => tryStep(log, text, level, step)
  const must = (text: string, level: LogLevel, step: () => void) => {
    if (!tryStep(log, text, level, step)) throw new FatalInitError(text)
  }

  if (workerPriority !== 0) attempt(`setpriority(${workerPriority})`, ALERT, () => setNiceValue(workerPriority))
  if (workerRlimitNofile !== undefined) {
    attempt(`setrlimit(RLIMIT_NOFILE, ${workerRlimitNofile})`, ALERT, () =>
      addon.setResourceLimit('nofile', workerRlimitNofile),
    )
  }
  if (workerRlimitCoreBytes !== undefined) {
    attempt(`setrlimit(RLIMIT_CORE, ${workerRlimitCoreBytes})`, ALERT, () =>
      addon.setResourceLimit('core', workerRlimitCoreBytes),
    )
  }
  if (user !== undefined && process.geteuid?.() === 0) becomeUser(user, attempt, must)
  const cpus = workerCpuAffinity === undefined ? undefined : cpusOfWorker(workerCpuAffinity, index)
  if (cpus !== undefined) {
    for (const cpu of cpus) log.write(NOTICE, `sched_setaffinity(): using cpu #${cpu}`)
    attempt('sched_setaffinity()', ALERT, () => addon.setCpuAffinity(cpus))
  }
  attempt('prctl(PR_SET_DUMPABLE)', ALERT, () => addon.setDumpable())
  if (workingDirectory !== undefined) {
    must(`chdir("${workingDirectory}")`, ALERT, () => process.chdir(Buffer.from(workingDirectory, 'latin1').toString()))
  }
}

type Step = (text: string, level: LogLevel, step: () => void) => void

/**
 * Group, supplementary groups, user, in this order, since each step needs the rights of the next. The user last: a root
 * process gives up real, effective and saved id with it, and with them its capabilities. There is no way back.
 */
function becomeUser({ name, uid, gid, groups }: WorkerUser, attempt: Step, must: Step): void {
  must(`setgid(${gid})`, EMERG, () => process.setgid?.(gid))
  // As in nginx no reason to give up: in a user namespace it may be forbidden, and nothing is gained by staying root.
  attempt(`initgroups(${name}, ${gid})`, EMERG, () => process.setgroups?.([...groups]))
  must(`setuid(${uid})`, EMERG, () => process.setuid?.(uid))
}

/** Linux keeps a nice value per thread, and Node has started its own by now. */
function setNiceValue(value: number): void {
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), value)
}

/** False when the step failed, which is then logged. */
function tryStep(log: ErrorLog, text: string, level: LogLevel, step: () => void): boolean {
  try {
    step()
    return true
  } catch (error) {
    log.write(level, `${text} failed (${errnoText(systemErrorIn(error))})`)
    return false
  }
}

/** Node's os functions keep the system's error in `info`. What is no system error is a mistake of ours. */
function systemErrorIn(error: unknown): SystemError {
  const { info, code, errno } = error as NodeJS.ErrnoException & { info?: SystemError }
  if (info !== undefined) return info
  if (code === undefined || errno === undefined) throw error
  return { code, errno }
}
