// The row `starting an upgrade` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'

const MASTER_IS_GONE = /the master process \d+ is gone/

describeState(
  'starting an upgrade',
  {
    request: { underWay: 'served', afterwards: 'old' },
    'HUP, bad configuration': {
      underWay: 'served',
      afterwards: 'old',
      log: /: reconfiguring\n.*\[emerg\]/,
      alerts: [/unknown directive "no"/],
    },
    QUIT: { underWay: 'served', afterwards: 'old', log: /SIGQUIT\) received from \d+, shutting down/ },
    TERM: {
      underWay: 'served',
      afterwards: 'old',
      log: /worker process \d+ exited on signal 9\n(.*\n)*.*new binary process \d+ exited with code 0/,
      alerts: [/worker process \d+ exited on signal 9/],
    },
    'new worker killed': {
      underWay: 'served',
      afterwards: 'old',
      log: /exited on signal 9\n(.*\n)*.*start worker process/,
      alerts: [/worker process \d+ exited on signal 9/],
    },
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
    HUP: { underWay: 'served', afterwards: 'old', log: /SIGHUP\) received from \d+, reconfiguring/ },
    QUIT: { underWay: 'served', afterwards: 'old', log: /SIGQUIT\) received from \d+, shutting down/ },
    TERM: { underWay: 'cut', afterwards: 'old', log: /SIGTERM\) received from \d+, exiting/ },
    'worker killed': {
      underWay: 'cut',
      afterwards: 'old',
      log: /exited on signal 9\n(.*\n)*.*start worker process/,
      alerts: [/worker process \d+ exited on signal 9/],
    },
    'master killed': {
      underWay: 'served',
      afterwards: 'old',
      log: MASTER_IS_GONE,
      alerts: [MASTER_IS_GONE],
      left: ['left behind: file server.pid.oldbin'],
    },
  },
  { to: 'old master' },
)
