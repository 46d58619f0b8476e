// The signals an operator may send, what each asks of a master and of a worker, and the log line that says so.
// Pure tables; who acts on them is master.ts, worker.ts and single.ts.

import { constants } from 'node:os'

const {
  SIGHUP,
  SIGQUIT,
  SIGTERM,
  SIGINT,
  SIGUSR1,
  SIGUSR2,
  SIGWINCH,
  SIGALRM,
  SIGCHLD,
  SIGKILL,
  SIGIO,
  SIGSYS,
  SIGPIPE,
} = constants.signals

export { SIGCHLD, SIGHUP, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1 }

/** What a signal asks for; '' = nothing, it is only logged. */
export type SignalAction =
  | 'quit'
  | 'terminate'
  | 'reconfigure'
  | 'reopen'
  | 'change_binary'
  | 'noaccept'
  | 'ignore'
  | ''

/** Signals that every process of ours catches. CHLD is libuv's. */
export const WATCHED_SIGNALS: readonly number[] = [
  SIGHUP,
  SIGQUIT,
  SIGTERM,
  SIGINT,
  SIGUSR1,
  SIGUSR2,
  SIGWINCH,
  SIGALRM,
]

/** A worker catches this one as well, to say that it means nothing. */
export const WORKER_SIGNALS: readonly number[] = [...WATCHED_SIGNALS, SIGIO]

/** Without a word: they come from what a process does itself. IO tells a master that somebody has written to a channel. */
export const MASTER_IGNORES: readonly number[] = [SIGSYS, SIGPIPE, SIGIO]
export const WORKER_IGNORES: readonly number[] = [SIGSYS, SIGPIPE]

const ACTION_TEXTS: Readonly<Record<SignalAction, string>> = {
  quit: ', shutting down',
  terminate: ', exiting',
  reconfigure: ', reconfiguring',
  reopen: ', reopening logs',
  change_binary: ', changing binary',
  noaccept: ', stop accepting connections',
  ignore: ', ignoring',
  '': '',
}

const MASTER_ACTIONS: Readonly<Record<number, SignalAction>> = {
  [SIGQUIT]: 'quit',
  [SIGTERM]: 'terminate',
  [SIGINT]: 'terminate',
  [SIGHUP]: 'reconfigure',
  [SIGUSR1]: 'reopen',
  [SIGUSR2]: 'change_binary',
  [SIGWINCH]: 'noaccept',
}

const WORKER_ACTIONS: Readonly<Record<number, SignalAction>> = {
  [SIGQUIT]: 'quit',
  [SIGTERM]: 'terminate',
  [SIGINT]: 'terminate',
  [SIGUSR1]: 'reopen',
  [SIGHUP]: 'ignore',
  [SIGUSR2]: 'ignore',
  [SIGIO]: 'ignore',
}

/** WINCH is every terminal's "the window has changed": only a daemon takes it as an order. */
export function masterAction(signal: number, daemonised: boolean): SignalAction {
  if (signal === SIGWINCH && !daemonised) return ''
  return MASTER_ACTIONS[signal] ?? ''
}

export function workerAction(signal: number, daemonised: boolean): SignalAction {
  if (signal === SIGWINCH && daemonised) return 'quit'
  return WORKER_ACTIONS[signal] ?? ''
}

/** `signal 1 (SIGHUP) received from 4711, reconfiguring`; `senderPid` 0 = unknown. */
export function signalText(signal: number, senderPid: number, action: SignalAction): string {
  const sender = senderPid > 0 ? ` from ${senderPid}` : ''
  return `signal ${signal} (${nameOf(signal)}) received${sender}${ACTION_TEXTS[action]}`
}

function nameOf(signal: number): string {
  // Some numbers have two names (SIGIOT is SIGABRT); none of those that are ours.
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? 'unknown'
}
