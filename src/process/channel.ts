// What master and workers say to each other over their socketpairs: nginx's five commands and our own.
// A message carries the pid and the table slot of the process that it is about, and some a descriptor.

import { addon } from '../native/addon.ts'

/** Master to workers: process `pid` in `slot` has started; the passed descriptor writes to it. */
export const OPEN_CHANNEL = 1
/** Master to workers: process `pid` in `slot` is gone. */
export const CLOSE_CHANNEL = 2
/** Finish what is being served, then exit. */
export const QUIT = 3
/** Exit at once. */
export const TERMINATE = 4
/** Open the log files again. */
export const REOPEN = 5
/** Worker to master: I accept connections. */
export const READY = 6

/**
 * Master to worker: accept on the passed socket as well, while worker number `pid` of your generation is away; `slot` is the
 * place of its `listen` in the configuration.
 */
export const STAND_IN = 7
/** Master to worker: worker number `pid` of your generation is back. */
export const STAND_DOWN = 8
/** Master to workers: write your view of the process table to the passed connection (table_report.ts). */
export const REPORT = 9
/** Worker to worker, `slot` is the writer's: say on the passed connection that this has reached you. */
export const GREETING = 10

/** Master to workers: zones that were resized have gone over to their successors (zone_resize.ts). */
export const FOLLOW = 11

/** Descriptor of a message that has arrived without it: the receiver has as many as it may. */
export const LOST_FD = -2

export interface ChannelMessage {
  readonly command: number
  readonly pid: number
  readonly slot: number
  /** -1 = none. */
  readonly fd: number
}

/**
 * Sends a message, `fd` passed with it unless -1. False when it was not sent: the socket is full, or nobody holds the
 * other end any more. As in nginx that is no error of the sender's; whoever must be heard falls back to kill().
 */
export function sendMessage(channel: number, { command, pid, slot, fd }: ChannelMessage): boolean {
  try {
    return addon.writeChannel(channel, command, pid, slot, fd)
  } catch {
    return false
  }
}
