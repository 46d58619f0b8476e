// From one access_log directive to the function that a finished request runs.

import { closeSync, openSync, writeSync } from 'node:fs'
import { asSystemError, errnoText } from '../../config/errno_text.ts'
import type { HttpRequest } from '../../http/request.ts'
import { CRIT } from '../../log/levels.ts'
import type { LogFile } from '../../log/log_file.ts'
import type { LogBuffer } from './buffer.ts'
import { compileFormat, type LineMaker } from './format.ts'
import type { AccessLog, LogTarget } from './index.ts'

type Logger = (r: HttpRequest) => void

/** `buffers` are those of the configuration's files. */
export function accessLogger(log: AccessLog, buffers: ReadonlyMap<LogFile, LogBuffer>): Logger {
  const write = writerOf(log.target, compileFormat(log.format), buffers)
  const { condition } = log
  if (condition === undefined) return write
  return (r) => {
    const value = condition.get(r)
    if (value !== '' && value !== '0') write(r)
  }
}

function writerOf(target: LogTarget, lineOf: LineMaker, buffers: ReadonlyMap<LogFile, LogBuffer>): Logger {
  if (target.kind === 'file') {
    const { file } = target
    const buffer = buffers.get(file)
    return buffer === undefined ? (r) => file.write(lineOf(r)) : (r) => buffer.write(lineOf(r))
  }
  if (target.kind === 'syslog') {
    const { syslog } = target
    // The line's newline would be part of the message.
    return (r) => syslog.send(lineOf(r).slice(0, -1))
  }
  const { path, prefix } = target
  return (r) => {
    const name = path.get(r)
    appendLine(r, name.startsWith('/') ? name : prefix + name, lineOf(r))
  }
}

/** Opens the file for this line alone: its name is the request's, so it may be another one for the next. */
function appendLine(r: HttpRequest, path: string, line: string): void {
  let failed = 'open()'
  try {
    const fd = openSync(Buffer.from(path, 'latin1'), 'a', 0o644)
    try {
      failed = 'write() to'
      writeSync(fd, line, null, 'latin1')
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    const cause = asSystemError(error)
    r.log(CRIT, `${failed} "${path}" failed${cause === undefined ? '' : ` (${errnoText(cause)})`}`)
  }
}
