// The pid file: how `-s` and service managers find the master. Written once signals are handled, removed at its end.
// Paths are latin1 strings.

import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { ConfigError } from '../config/error.ts'
import { systemFailure } from './system_failure.ts'

/** Writes `PID` and a newline over whatever is there. Throws ConfigError. */
export function writePidFile(path: string): void {
  write(path, `${process.pid}\n`, 'w')
}

/** For `-t`: could it be written? Leaves an empty file where there was none. Throws ConfigError. */
export function probePidFile(path: string): void {
  write(path, '', 'a')
}

/** Throws ConfigError. */
export function deletePidFile(path: string): void {
  try {
    unlinkSync(bytesOf(path))
  } catch (error) {
    throw systemFailure(`unlink() "${path}" failed`, error)
  }
}

/** The pid in it. Throws ConfigError with nginx's texts. */
export function readPidFile(path: string): number {
  let text: string
  try {
    text = readFileSync(bytesOf(path), 'latin1')
  } catch (error) {
    throw systemFailure(`open() "${path}" failed`, error)
  }
  const digits = text.replace(/[\r\n]+$/, '')
  const pid = /^[0-9]+$/.test(digits) ? Number(digits) : 0
  if (pid <= 0) throw new ConfigError(`invalid PID number "${digits}" in "${path}"`)
  return pid
}

function write(path: string, text: string, flag: 'w' | 'a'): void {
  try {
    writeFileSync(bytesOf(path), text, { mode: 0o644, flag })
  } catch (error) {
    throw systemFailure(`open() "${path}" failed`, error)
  }
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
