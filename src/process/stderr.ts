// The standard error stream once the program serves: messages of Node and of the C library (a crash, a sanitizer) belong
// into the error log, where the operator looks, and no longer to whoever started the program.

import type { ErrorLog } from '../log/error_log.ts'
import { addon } from '../native/addon.ts'

const STDERR_FD = 2

/**
 * Points descriptor 2 at the log's first file; does nothing when that is stderr itself. Also after each reopening: a
 * process that still held the old file would keep its blocks on the disk when it is deleted.
 */
export function redirectStderr({ file }: ErrorLog): void {
  const fd = file?.fd ?? -1
  if (fd > STDERR_FD) addon.dup2(fd, STDERR_FD)
}
