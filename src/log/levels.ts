// Severity levels of the error log, nginx's numbers: a message is written by every log whose level is at least its own.

export type LogLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Written without level to stderr only. */
export const STDERR = 0
export const EMERG = 1
export const ALERT = 2
export const CRIT = 3
export const ERROR = 4
export const WARN = 5
export const NOTICE = 6
export const INFO = 7
export const DEBUG = 8

/** Words as written in configuration and log lines; the index is the level. */
export const LEVEL_WORDS = ['', 'emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'] as const

/** Level of a word, or undefined. */
export function levelOfWord(word: string): LogLevel | undefined {
  const index = LEVEL_WORDS.indexOf(word as (typeof LEVEL_WORDS)[number])
  return index > 0 ? (index as LogLevel) : undefined
}
