// Leaving on SIGINT and SIGTERM without leaving anything behind: everything that was started dies with us.

import { constants } from 'node:os'
import { descendantsOf } from '../test/harness/processes.ts'

/** To be called once, at the start of a program that starts others. */
export function leaveNothingBehind(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // All at once, as they were a moment ago: a master that dies alone would leave its workers to nobody.
      for (const { pid } of descendantsOf(process.pid)) killIfThere(pid)
      process.exit(128 + constants.signals[signal])
    })
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}
