// The standard error stream once the program serves: messages of Node and of the C library (a crash, a sanitizer) belong
// into the error log, where the operator looks, and no longer to whoever started the program.

import { closeSync, openSync } from 'node:fs'
import type { ErrorLog } from '../log/error_log.ts'

const STDERR_FD = 2

/** Points descriptor 2 at the file of the log's first target; does nothing when that is stderr itself. Main thread only. */
export function redirectStderr({ targets }: ErrorLog): void {
  const path = targets[0]?.file.path ?? ''
  if (path === '') return
  // There is no dup2 in Node: the lowest free descriptor is the one that has just been closed.
  closeSync(STDERR_FD)
  const fd = openSync(Buffer.from(path, 'latin1'), 'a', 0o644)
  if (fd !== STDERR_FD) closeSync(fd)
}
