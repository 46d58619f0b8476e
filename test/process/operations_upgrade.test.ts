// The row `upgrading` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'

const MASTER_IS_GONE = /the master process \d+ is gone/

describeState(
  'upgrading',
  {
    request: { underWay: 'served', afterwards: 'old' },
    HUP: { underWay: 'served', afterwards: 'new', log: /SIGHUP\) received from \d+, reconfiguring\n.*: reconfiguring/ },
    'HUP, bad configuration': {
      underWay: 'served',
      afterwards: 'old',
      log: /: reconfiguring\n.*\[emerg\]/,
      alerts: [/unknown directive "no"/],
    },
    USR1: {
      underWay: 'served',
      afterwards: 'old',
      log: /SIGUSR1\) received from \d+, reopening logs\n.*: reopening logs/,
    },
    // The old master takes its workers and its pid file back.
    QUIT: {
      underWay: 'served',
      afterwards: 'old',
      log: /new binary process \d+ exited with code 0\n(.*\n)*.*start worker/,
    },
    TERM: {
      underWay: 'served',
      afterwards: 'old',
      log: /new binary process \d+ exited with code 0\n(.*\n)*.*start worker/,
    },
    'worker killed': {
      underWay: 'cut',
      afterwards: 'old',
      log: /exited on signal 9/,
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
      log: /new binary process \d+ exited on signal 9\n(.*\n)*.*start worker process/,
      alerts: [/new binary process \d+ exited on signal 9/, MASTER_IS_GONE],
    },
    'upstream gone': { underWay: 502, afterwards: 502 },
  },
  { to: 'new master' },
)

describeState(
  'upgrading',
  {
    // Back to its workers, with the configuration that it has.
    HUP: {
      underWay: 'served',
      afterwards: 'old',
      log: /SIGHUP\) received from \d+, reconfiguring\n(.*\n)*.*start worker/,
    },
    USR1: {
      underWay: 'served',
      afterwards: 'old',
      log: /SIGUSR1\) received from \d+, reopening logs\n.*: reopening logs/,
    },
    QUIT: { underWay: 'served', afterwards: 'old', log: /SIGQUIT\) received from \d+, shutting down/ },
    TERM: { underWay: 'cut', afterwards: 'old', log: /SIGTERM\) received from \d+, exiting/ },
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
