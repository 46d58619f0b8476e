// ConfigError: what is wrong with a configuration, in the one form in which everybody (reader, setters, later checks)
// reports it: MESSAGE[ (ERRNO: TEXT)][ in FILE:LINE]. Texts are latin1 strings, one char = one byte of the file.

import { errnoText } from './errno_text.ts'
import type { Position, SystemError } from './types.ts'

/** Message and errno text together are cut to this many bytes; the place follows uncut. */
const MAX_MESSAGE_BYTES = 1024
/** Bytes kept free for the errno text when the message alone would fill the limit. */
const ERRNO_RESERVE_BYTES = 50

/** A wrong configuration. `message` is the whole text behind `[emerg] `; print it as latin1. */
export class ConfigError extends SyntaxError {
  override readonly name = 'ConfigError'
  /** Full name of the file, or undefined when the error was found in `-g` text or after reading. */
  readonly file: string | undefined
  readonly line: number | undefined

  constructor(message: string, position?: Position, cause?: SystemError) {
    super(formatMessage(message, position, cause))
    this.file = position?.file
    this.line = position?.file === undefined ? undefined : position.line
  }
}

/** The text of an error or warning with its place. Without `position` (found after reading) there is no place in it. */
export function formatMessage(message: string, position?: Position, cause?: SystemError): string {
  return withErrno(message, cause).slice(0, MAX_MESSAGE_BYTES) + (position === undefined ? '' : placeText(position))
}

function withErrno(message: string, cause: SystemError | undefined): string {
  if (cause === undefined) return message
  // The number matters more than the tail of a long name: the message gives way.
  const limit = MAX_MESSAGE_BYTES - ERRNO_RESERVE_BYTES
  const text = message.length > limit ? `${message.slice(0, limit)}...` : message
  return `${text} (${errnoText(cause)})`
}

function placeText(position: Position): string {
  return position.file === undefined ? ' in command line' : ` in ${position.file}:${position.line}`
}
