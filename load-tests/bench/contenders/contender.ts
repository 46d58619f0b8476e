// What takes part in a contest: something that can be started for a scenario, measured and stopped. One file each here.

import type { BenchScenario } from '../scenario.ts'

export interface Running {
  readonly port: number
  /** The process whose CPU time, with that of its descendants, is the proxy's. */
  readonly pid: number
  /** The process that serves, whose memory is told; may differ from `pid`. */
  readonly servingPid: number
  /** Where memory_probe.cjs writes, if it was loaded. */
  readonly probeDir?: string
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** Version in words of its own; undefined when it is not installed. */
  readonly version: string | undefined
  /** How to get it. */
  readonly install: string
  /** Why it does not take part in a scenario; undefined when it does. */
  readonly declines?: (scenario: BenchScenario) => string | undefined
  /** Starts it on the proxy's core; resolves when it accepts connections. */
  readonly start: (scenario: BenchScenario, originPort: number) => Promise<Running>
}
