// Outcomes that several states of the state × operation table share, by what happens.

import type { Outcome } from './operations.ts'

export const MASTER_IS_GONE = /the master process \d+ is gone/
const WORKER_WAS_KILLED = /worker process \d+ exited on signal 9/
/** Who is killed removes nothing. */
export const LEFT_BY_THE_KILLED = ['left behind: file b.sock, file server.pid']

export const GOES_ON: Outcome = { underWay: 'served', afterwards: 'old' }
export const UPSTREAM_FAILS: Outcome = { underWay: 502, afterwards: 502 }

export const RELOADS: Outcome = {
  underWay: 'served',
  afterwards: 'new',
  log: /SIGHUP\) received from \d+, reconfiguring\n.*: reconfiguring/,
}
export const REFUSES_CONFIGURATION: Outcome = {
  underWay: 'served',
  afterwards: 'old',
  log: /: reconfiguring\n.*\[emerg\]/,
  alerts: [/unknown directive "no"/],
}
export const REOPENS: Outcome = {
  underWay: 'served',
  afterwards: 'old',
  log: /SIGUSR1\) received from \d+, reopening logs\n.*: reopening logs/,
}

export const QUITS: Outcome = {
  underWay: 'served',
  afterwards: 'nobody',
  log: /SIGQUIT\) received from \d+, shutting down/,
}
export const EXITS: Outcome = { underWay: 'cut', afterwards: 'nobody', log: /SIGTERM\) received from \d+, exiting/ }

/** The worker that has the request under way; another one takes its place. */
export const WORKER_IS_REPLACED: Outcome = {
  underWay: 'cut',
  afterwards: 'old',
  log: /exited on signal 9\n(.*\n)*.*start worker process/,
  alerts: [WORKER_WAS_KILLED],
}
/** It was to end: nobody takes its place. */
export const WORKER_IS_MISSED_BY_NOBODY: Outcome = { ...WORKER_IS_REPLACED, log: /exited on signal 9/ }
/** Workers that have not come so far that they could hear it are killed in the end. */
export const KILLED_IN_THE_END = { alerts: [WORKER_WAS_KILLED] } as const

/** Orphans finish what they have, and end. */
export const ORPHANS_FINISH: Outcome = {
  underWay: 'served',
  afterwards: 'nobody',
  log: MASTER_IS_GONE,
  alerts: [MASTER_IS_GONE],
  left: LEFT_BY_THE_KILLED,
}
/** Of two masters. */
export const OLD_MASTER_IS_KILLED: Outcome = {
  ...ORPHANS_FINISH,
  afterwards: 'old',
  left: ['left behind: file server.pid.oldbin'],
}
