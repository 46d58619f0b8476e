// The row `upgrading` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'
import {
  EXITS,
  GOES_ON,
  MASTER_IS_GONE,
  OLD_MASTER_IS_KILLED,
  QUITS,
  REFUSES_CONFIGURATION,
  RELOADS,
  REOPENS,
  UPSTREAM_FAILS,
  WORKER_IS_MISSED_BY_NOBODY,
  WORKER_IS_REPLACED,
} from './operations_outcomes.ts'

/** The old master takes its workers and its pid file back. */
const OLD_ONE_TAKES_OVER = {
  underWay: 'served',
  afterwards: 'old',
  log: /new binary process \d+ exited with code 0\n(.*\n)*.*start worker/,
} as const

describeState(
  'upgrading',
  {
    request: GOES_ON,
    HUP: RELOADS,
    'HUP, bad configuration': REFUSES_CONFIGURATION,
    USR1: REOPENS,
    QUIT: OLD_ONE_TAKES_OVER,
    TERM: OLD_ONE_TAKES_OVER,
    // The old master has dismissed it.
    'worker killed': WORKER_IS_MISSED_BY_NOBODY,
    'new worker killed': { ...WORKER_IS_REPLACED, underWay: 'served' },
    'master killed': {
      underWay: 'served',
      afterwards: 'old',
      log: /new binary process \d+ exited on signal 9\n(.*\n)*.*start worker process/,
      alerts: [/new binary process \d+ exited on signal 9/, MASTER_IS_GONE],
    },
    'upstream gone': UPSTREAM_FAILS,
  },
  { to: 'new master' },
)

describeState(
  'upgrading',
  {
    // Back to its workers, with the configuration that it has.
    HUP: { ...GOES_ON, log: /SIGHUP\) received from \d+, reconfiguring\n(.*\n)*.*start worker/ },
    USR1: REOPENS,
    // The new master serves.
    QUIT: { ...QUITS, afterwards: 'old' },
    TERM: { ...EXITS, afterwards: 'old' },
    'master killed': OLD_MASTER_IS_KILLED,
  },
  { to: 'old master' },
)
