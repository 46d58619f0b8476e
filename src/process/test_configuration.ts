// `-t` and `-T`: everything that a start would do up to opening the sockets, and nothing of it left behind.

import { copyToStderr, writeToStderr } from '../log/error_log.ts'
import { STDERR } from '../log/levels.ts'
import { openBuiltinLog } from './builtin_log.ts'
import type { Configuration } from './configuration.ts'
import { type CycleOptions, prepareCycle, readForCycle } from './cycle.ts'
import type { StartOptions } from './start_options.ts'
import { print } from './stdout.ts'
import { describeZones } from './zones.ts'

export interface TestRequest {
  readonly options: StartOptions
  /** -T */
  readonly dump: boolean
  /** -q: say nothing on success. */
  readonly quiet: boolean
}

/** Tests the configuration, tells the result on stderr (the dump on stdout) and returns the exit code. */
export function testConfiguration({ options, dump, quiet }: TestRequest): number {
  copyToStderr(true)
  const { confFile } = options
  const say = (text: string) => {
    if (!quiet) writeToStderr(STDERR, text)
  }
  const request: CycleOptions = {
    options,
    log: openBuiltinLog(options, true),
    testing: true,
    onSyntaxOk: () => say(`the configuration file ${confFile} syntax is ok`),
  }
  const read = readForCycle(request)
  const cycle = read === undefined ? undefined : prepareCycle(undefined, request, read)
  if (cycle === undefined) {
    writeToStderr(STDERR, `configuration file ${confFile} test failed`)
    return 1
  }
  for (const line of describeZones(cycle.zones)) say(line)
  cycle.undo.run()
  say(`configuration file ${confFile} test is successful`)
  if (dump) dumpFiles(cycle.configuration)
  return 0
}

/** Each file once, in the order of first opening. */
function dumpFiles({ parsed }: Configuration): void {
  for (const [name, bytes] of parsed.configFiles) {
    print(Buffer.from(`# configuration file ${name}:\n`, 'latin1'))
    print(bytes)
    print(Buffer.from('\n'))
  }
}
