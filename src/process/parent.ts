// Whether the process that has started this one still runs. For a new binary that is the old master, whose socket files
// and pid file it must leave alone.

import { readFileSync } from 'node:fs'

const PARENT_AT_START = process.ppid

/** nginx's test of whether an upgrade may begin, too: with `daemon off` the parent is a shell or a service manager. */
export function isParentAlive(): boolean {
  return process.ppid === PARENT_AT_START && !isZombie(PARENT_AT_START)
}

/** A parent that is just ending keeps its children until its last thread is gone. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything.
    return stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
  } catch {
    // Not ours to see, or no /proc: the kernel's word has to do.
    return false
  }
}
