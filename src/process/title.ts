// Process titles as nginx shows them in ps. Linux keeps a title in the memory of argv, so it can be no longer than the
// command line that the process was started with: workers are started with a padded first word.

import { PROGRAM_NAME } from '../log/program.ts'

export const WORKER_NAME = 'worker process'
/** Room for the longest title of a worker. */
const TITLE_BYTES = 64

/** First word of a worker's command line: its title until it sets one, and the room for it. */
export const WORKER_ARGV0 = `${PROGRAM_NAME}: ${WORKER_NAME}`.padEnd(TITLE_BYTES)

/** `sluice: TEXT`. */
export function setTitle(text: string): void {
  process.title = `${PROGRAM_NAME}: ${text}`
}

/** `master process` and the command line, the program's name first. */
export function masterTitle(words: readonly string[]): string {
  return ['master process', PROGRAM_NAME, ...words].join(' ')
}

/** First word of a daemon's command line: its title until it sets one, and the room for it. */
export function masterArgv0(words: readonly string[]): string {
  return `${PROGRAM_NAME}: ${masterTitle(words)}`
}
