// Process 1 of a container becomes the parent of everybody whose own parent has ended (what a shell left behind before it
// became us, what was started in the container later), and nobody else can bury them. libuv waits for its own children
// only, each by its pid.

import type { ErrorLog } from '../log/error_log.ts'
import { ALERT, NOTICE } from '../log/levels.ts'
import { addon } from '../native/addon.ts'
import { SIGCHLD, signalText } from './signals.ts'

const INIT_PID = 1

/**
 * From now on buries children that are not ours, if this is process 1. `known` are the pids that libuv waits for; the
 * returned function is to be called when one of these has ended, since it may have hidden others.
 */
export function buryOrphans(known: () => readonly number[], log: () => ErrorLog): () => void {
  if (process.pid !== INIT_PID) return () => {}
  const bury = () => {
    for (const { pid, code, signal } of addon.buryUnknownChildren(known())) {
      log().write(NOTICE, signalText(SIGCHLD, pid, ''))
      if (signal > 0) log().write(ALERT, `unknown process ${pid} exited on signal ${signal}`)
      else log().write(NOTICE, `unknown process ${pid} exited with code ${code}`)
    }
  }
  process.on('SIGCHLD', bury)
  bury()
  return bury
}
