// The rows `reloading` and `draining` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'

const MASTER_IS_GONE = /the master process \d+ is gone/
const LEFT_BY_THE_KILLED = ['left behind: file b.sock, file server.pid']

describeState('reloading', {
  request: { underWay: 'served', afterwards: 'new' },
  // The second reload follows the first.
  HUP: { underWay: 'served', afterwards: 'newer', log: /SIGHUP\) received from \d+, reconfiguring/ },
  'HUP, bad configuration': {
    underWay: 'served',
    afterwards: 'new',
    log: /SIGHUP\) received from \d+, reconfiguring/,
    alerts: [/unknown directive "no"/],
  },
  USR1: {
    underWay: 'served',
    afterwards: 'new',
    log: /SIGUSR1\) received from \d+, reopening logs\n.*: reopening logs/,
  },
  QUIT: {
    underWay: 'served',
    afterwards: 'nobody',
    log: /shutting down\n.*\[warn\].* the reload in progress is given up/,
  },
  TERM: {
    underWay: 'cut',
    afterwards: 'nobody',
    log: /the reload in progress is given up\n(.*\n)*.*exited on signal 9/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'worker killed': {
    underWay: 'cut',
    afterwards: 'new',
    log: /exited on signal 9\n(.*\n)*.*start worker process/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'new worker killed': {
    underWay: 'served',
    afterwards: 'old',
    log: /new worker process \d+ did not start, the old configuration stays in force/,
    alerts: [/worker process \d+ exited on signal 9/, /new worker process \d+ did not start/],
  },
  'master killed': {
    underWay: 'served',
    afterwards: 'nobody',
    log: MASTER_IS_GONE,
    alerts: [MASTER_IS_GONE],
    left: LEFT_BY_THE_KILLED,
  },
  'upstream gone': { underWay: 502, afterwards: 502 },
})

describeState('draining', {
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
  QUIT: { underWay: 'served', afterwards: 'nobody', log: /SIGQUIT\) received from \d+, shutting down/ },
  TERM: { underWay: 'cut', afterwards: 'nobody', log: /SIGTERM\) received from \d+, exiting/ },
  // It was to end: nobody takes its place.
  'worker killed': {
    underWay: 'cut',
    afterwards: 'old',
    log: /exited on signal 9/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'master killed': {
    underWay: 'served',
    afterwards: 'nobody',
    log: MASTER_IS_GONE,
    alerts: [MASTER_IS_GONE],
    left: LEFT_BY_THE_KILLED,
  },
  'upstream gone': { underWay: 502, afterwards: 502 },
})
