// What a worker does to itself before it serves: its priority, and giving up root. A worker that had to keep a privilege
// of root would be a master; there is no way back.

import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { WorkerUser } from '../config/users.ts'

/** Sets the nice value of every thread: Linux keeps one per thread, and Node has started its own by now. Throws. */
export function setNiceValue(value: number): void {
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), value)
}

/** Becomes `user`: group, supplementary groups, user, in this order, since each step needs the rights of the next. Throws. */
export function dropRoot({ uid, gid, groups }: WorkerUser): void {
  if (process.geteuid?.() !== 0) return
  process.setgid?.(gid)
  process.setgroups?.([...groups])
  process.setuid?.(uid)
}
