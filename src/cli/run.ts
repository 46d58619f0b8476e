// The command line as a program: which of version, test, signal and start it asks for, and with which exit code it ends.

import { writeToStderr } from '../log/error_log.ts'
import { STDERR } from '../log/levels.ts'
import { printProcesses, sendSignal } from '../process/send_signal.ts'
import { start } from '../process/start.ts'
import { startOptions } from '../process/start_options.ts'
import { testConfiguration } from '../process/test_configuration.ts'
import { type Options, parseOptions, UsageError } from './options.ts'
import { buildText, HELP_TEXT, VERSION_TEXT } from './usage.ts'

/** Runs the program with the operator's words. Returns the exit code, or undefined when the server runs, or an answer is awaited. */
export function run(words: readonly string[], daemonised: boolean): number | undefined {
  let options: Options
  try {
    options = parseOptions(words.map(bytesOf))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    writeToStderr(STDERR, error.message)
    return 1
  }
  if (options.showVersion) {
    process.stderr.write(VERSION_TEXT)
    if (options.showHelp) process.stderr.write(HELP_TEXT)
    if (options.showBuild) process.stderr.write(buildText())
    if (!options.test) return 0
  }
  const startWith = startOptions(options)
  if (options.test) return testConfiguration({ options: startWith, dump: options.dump, quiet: options.quiet })
  if (options.signal === 'processes') {
    void printProcesses(startWith).then((code) => {
      process.exitCode = code
    })
    return undefined
  }
  if (options.signal !== undefined) return sendSignal(startWith, options.signal)
  start({ options: startWith, words, daemonised })
  return undefined
}

/** Node has decoded the arguments as UTF-8; everything here works on bytes. */
function bytesOf(word: string): string {
  return Buffer.from(word, 'utf8').toString('latin1')
}
