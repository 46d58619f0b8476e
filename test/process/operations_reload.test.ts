// The rows `reloading` and `draining` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'
import {
  EXITS,
  GOES_ON,
  KILLED_IN_THE_END,
  ORPHANS_FINISH,
  QUITS,
  REFUSES_CONFIGURATION,
  RELOADS,
  REOPENS,
  UPSTREAM_FAILS,
  WORKER_IS_MISSED_BY_NOBODY,
  WORKER_IS_REPLACED,
} from './operations_outcomes.ts'

describeState('reloading', {
  request: { ...GOES_ON, afterwards: 'new' },
  // The second reload follows the first.
  HUP: { underWay: 'served', afterwards: 'newer', log: /SIGHUP\) received from \d+, reconfiguring/ },
  'HUP, bad configuration': {
    ...REFUSES_CONFIGURATION,
    afterwards: 'new',
    log: /SIGHUP\) received from \d+, reconfiguring/,
  },
  USR1: { ...REOPENS, afterwards: 'new' },
  QUIT: { ...QUITS, log: /shutting down\n.*\[warn\].* the reload in progress is given up/ },
  TERM: {
    ...EXITS,
    ...KILLED_IN_THE_END,
    log: /the reload in progress is given up\n(.*\n)*.*exited on signal 9/,
  },
  'worker killed': { ...WORKER_IS_REPLACED, afterwards: 'new' },
  'new worker killed': {
    underWay: 'served',
    afterwards: 'old',
    log: /new worker process \d+ did not start, the old configuration stays in force/,
    alerts: [/worker process \d+ exited on signal 9/, /new worker process \d+ did not start/],
  },
  'master killed': ORPHANS_FINISH,
  'upstream gone': UPSTREAM_FAILS,
})

describeState('draining', {
  request: GOES_ON,
  HUP: RELOADS,
  'HUP, bad configuration': REFUSES_CONFIGURATION,
  USR1: REOPENS,
  QUIT: QUITS,
  TERM: EXITS,
  'worker killed': WORKER_IS_MISSED_BY_NOBODY,
  'master killed': ORPHANS_FINISH,
  'upstream gone': UPSTREAM_FAILS,
})
