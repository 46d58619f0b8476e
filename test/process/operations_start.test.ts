// The rows `starting`, `serving` and `quitting` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'
import {
  EXITS,
  GOES_ON,
  KILLED_IN_THE_END,
  LEFT_BY_THE_KILLED,
  MASTER_IS_GONE,
  ORPHANS_FINISH,
  QUITS,
  REFUSES_CONFIGURATION,
  RELOADS,
  REOPENS,
  UPSTREAM_FAILS,
  WORKER_IS_MISSED_BY_NOBODY,
  WORKER_IS_REPLACED,
} from './operations_outcomes.ts'

describeState('starting', {
  request: GOES_ON,
  HUP: RELOADS,
  'HUP, bad configuration': REFUSES_CONFIGURATION,
  USR1: REOPENS,
  QUIT: { ...QUITS, underWay: 'any' },
  TERM: {
    ...EXITS,
    ...KILLED_IN_THE_END,
    log: /SIGTERM\) received from \d+, exiting\n(.*\n)*.*exited on signal 9/,
  },
  // The request is in the queue of the listening socket.
  'worker killed': { ...WORKER_IS_REPLACED, underWay: 'served' },
  'master killed': { underWay: 'any', afterwards: 'nobody', alerts: [MASTER_IS_GONE], left: LEFT_BY_THE_KILLED },
  'upstream gone': UPSTREAM_FAILS,
})

describeState('serving', {
  request: GOES_ON,
  HUP: RELOADS,
  'HUP, bad configuration': REFUSES_CONFIGURATION,
  USR1: REOPENS,
  QUIT: QUITS,
  TERM: EXITS,
  'worker killed': WORKER_IS_REPLACED,
  'master killed': ORPHANS_FINISH,
  'upstream gone': UPSTREAM_FAILS,
})

// As nginx: whoever ends does not begin anything else.
describeState('quitting', {
  request: { underWay: 'served', afterwards: 'nobody' },
  HUP: { underWay: 'served', afterwards: 'nobody', log: /SIGHUP\) received from \d+, reconfiguring/ },
  'HUP, bad configuration': {
    underWay: 'served',
    afterwards: 'nobody',
    log: /SIGHUP\) received from \d+, reconfiguring/,
  },
  USR1: {
    underWay: 'served',
    afterwards: 'nobody',
    log: /SIGUSR1\) received from \d+, reopening logs/,
    keepsLog: true,
  },
  QUIT: QUITS,
  TERM: EXITS,
  'worker killed': { ...WORKER_IS_MISSED_BY_NOBODY, afterwards: 'nobody' },
  'master killed': { ...ORPHANS_FINISH, left: ['left behind: file server.pid'] },
  'upstream gone': { underWay: 502, afterwards: 'nobody' },
})
