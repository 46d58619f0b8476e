// The row `starting an upgrade` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'
import {
  EXITS,
  GOES_ON,
  KILLED_IN_THE_END,
  MASTER_IS_GONE,
  OLD_MASTER_IS_KILLED,
  QUITS,
  REFUSES_CONFIGURATION,
  WORKER_IS_REPLACED,
} from './operations_outcomes.ts'

// Whatever becomes of the new master, the old one serves.
describeState(
  'starting an upgrade',
  {
    request: GOES_ON,
    'HUP, bad configuration': REFUSES_CONFIGURATION,
    QUIT: { ...QUITS, afterwards: 'old' },
    TERM: {
      ...GOES_ON,
      ...KILLED_IN_THE_END,
      log: /worker process \d+ exited on signal 9\n(.*\n)*.*new binary process \d+ exited with code 0/,
    },
    'new worker killed': { ...WORKER_IS_REPLACED, underWay: 'served' },
    'master killed': {
      underWay: 'served',
      afterwards: 'old',
      log: /new binary process \d+ exited on signal 9/,
      alerts: [/new binary process \d+ exited on signal 9/, MASTER_IS_GONE],
    },
  },
  { to: 'new master' },
)

describeState(
  'starting an upgrade',
  {
    // Its workers serve: there is nothing to go back to.
    HUP: { ...GOES_ON, log: /SIGHUP\) received from \d+, reconfiguring/ },
    QUIT: { ...QUITS, afterwards: 'old' },
    TERM: { ...EXITS, afterwards: 'old' },
    'worker killed': WORKER_IS_REPLACED,
    'master killed': OLD_MASTER_IS_KILLED,
  },
  { to: 'old master' },
)
