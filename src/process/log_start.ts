// What a master or single process says of itself when it starts, in nginx's order.

import { readFileSync } from 'node:fs'
import { release, type } from 'node:os'
import type { ErrorLog } from '../log/error_log.ts'
import { NOTICE } from '../log/levels.ts'
import { PROGRAM_NAME, VERSION } from '../log/program.ts'

/** Told of each configuration that is put to use. */
export const EVENT_METHOD_TEXT = 'using the "epoll" event method'

export function logStart(log: ErrorLog): void {
  log.write(NOTICE, EVENT_METHOD_TEXT)
  log.write(NOTICE, `${PROGRAM_NAME}/${VERSION}`)
  log.write(NOTICE, `built with Node.js ${process.version}`)
  log.write(NOTICE, `OS: ${type()} ${release()}`)
  const limit = descriptorLimit()
  if (limit !== undefined) log.write(NOTICE, `getrlimit(RLIMIT_NOFILE): ${limit}`)
}

/** `SOFT:HARD`; undefined where there is no /proc. */
function descriptorLimit(): string | undefined {
  try {
    const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === undefined ? undefined : `${soft}:${hard}`
  } catch {
    return undefined
  }
}
