// From what a system call threw to the ConfigError that stops a configuration: `MESSAGE (2: No such file or directory)`.

import { asSystemError } from '../config/errno_text.ts'
import { ConfigError } from '../config/error.ts'

/** The error to throw for a failed system call. What is no system error is a mistake of ours and is thrown on. */
export function systemFailure(message: string, error: unknown): ConfigError {
  const cause = asSystemError(error)
  if (cause === undefined) throw error
  return new ConfigError(message, undefined, cause)
}
