// The rows `starting`, `serving` and `quitting` of the state × operation table (operations.ts).

import { describeState } from './operations.ts'

const MASTER_IS_GONE = /the master process \d+ is gone/
/** Who is killed removes nothing. */
const LEFT_BY_THE_KILLED = ['left behind: file b.sock, file server.pid']

describeState('starting', {
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
  QUIT: { underWay: 'any', afterwards: 'nobody', log: /SIGQUIT\) received from \d+, shutting down/ },
  // Workers that have not come so far that they could hear it are killed in the end.
  TERM: {
    underWay: 'cut',
    afterwards: 'nobody',
    log: /SIGTERM\) received from \d+, exiting\n(.*\n)*.*exited on signal 9/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'worker killed': {
    underWay: 'served',
    afterwards: 'old',
    log: /exited on signal 9\n(.*\n)*.*start worker process/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'master killed': { underWay: 'any', afterwards: 'nobody', alerts: [MASTER_IS_GONE], left: LEFT_BY_THE_KILLED },
  'upstream gone': { underWay: 502, afterwards: 502 },
})

describeState('serving', {
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
  'worker killed': {
    underWay: 'cut',
    afterwards: 'old',
    log: /exited on signal 9\n(.*\n)*.*start worker process/,
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

describeState('quitting', {
  request: { underWay: 'served', afterwards: 'nobody' },
  HUP: { underWay: 'served', afterwards: 'nobody', log: /SIGHUP\) received from \d+, reconfiguring/ },
  'HUP, bad configuration': {
    underWay: 'served',
    afterwards: 'nobody',
    log: /SIGHUP\) received from \d+, reconfiguring/,
  },
  // As nginx: whoever ends does not begin anything else.
  USR1: {
    underWay: 'served',
    afterwards: 'nobody',
    log: /SIGUSR1\) received from \d+, reopening logs/,
    keepsLog: true,
  },
  QUIT: { underWay: 'served', afterwards: 'nobody', log: /SIGQUIT\) received from \d+, shutting down/ },
  TERM: { underWay: 'cut', afterwards: 'nobody', log: /SIGTERM\) received from \d+, exiting/ },
  'worker killed': {
    underWay: 'cut',
    afterwards: 'nobody',
    log: /exited on signal 9/,
    alerts: [/worker process \d+ exited on signal 9/],
  },
  'master killed': {
    underWay: 'served',
    afterwards: 'nobody',
    log: MASTER_IS_GONE,
    alerts: [MASTER_IS_GONE],
    left: ['left behind: file server.pid'],
  },
  'upstream gone': { underWay: 502, afterwards: 'nobody' },
})
