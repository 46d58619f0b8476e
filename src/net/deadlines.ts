// One deadline per object (a client connection, an upstream connection), watched by one timer for all of them. Setting a
// deadline is two stores and a compare, since it happens several times per request; a socket timer would cost 1.8 µs.
// Long timeouts are rounded up to whole seconds, so that a thousand idle connections are looked at once a second.

import { eventMonotonicMs } from '../log/clock.ts'

/** Something with one deadline. `deadlineAt` belongs to this file. */
export interface Deadlined {
  /** Milliseconds of `performance.now()`; Infinity = none. */
  deadlineAt: number
  /** Position in the list of all watched objects; -1 = not watched. */
  deadlineIndex: number
  onDeadline(): void
}

const ROUND_FROM_MS = 5000

const watched: Deadlined[] = []
let timer: NodeJS.Timeout | undefined
let timerAt = Number.POSITIVE_INFINITY

/** (Re)sets the deadline. 0 or less means at once, at the next sweep. */
export function setDeadline(object: Deadlined, msFromNow: number): void {
  let at = eventMonotonicMs() + msFromNow
  if (msFromNow >= ROUND_FROM_MS) at = Math.ceil(at / 1000) * 1000
  object.deadlineAt = at
  if (object.deadlineIndex < 0) {
    object.deadlineIndex = watched.length
    watched.push(object)
  }
  if (at < timerAt) arm(at)
}

/** No deadline for now; the object stays in the list and costs nothing but a compare a sweep. */
export function clearDeadline(object: Deadlined): void {
  object.deadlineAt = Number.POSITIVE_INFINITY
}

/** The object is gone: forget it. */
export function removeDeadline(object: Deadlined): void {
  const index = object.deadlineIndex
  if (index < 0) return
  const last = watched.pop() as Deadlined
  if (last !== object) {
    watched[index] = last
    last.deadlineIndex = index
  }
  object.deadlineIndex = -1
  object.deadlineAt = Number.POSITIVE_INFINITY
}

function arm(at: number): void {
  if (timer !== undefined) clearTimeout(timer)
  timerAt = at
  timer = setTimeout(sweep, Math.max(0, Math.ceil(at - performance.now())))
  // A worker lives as long as it has connections, not as long as one of them might time out.
  timer.unref()
}

function sweep(): void {
  timer = undefined
  timerAt = Number.POSITIVE_INFINITY
  const now = performance.now()
  let next = Number.POSITIVE_INFINITY
  // Backwards: onDeadline may remove its object, which moves the last one (already seen) into its place.
  for (let i = watched.length - 1; i >= 0; i--) {
    const object = watched[i]
    if (object === undefined) continue
    if (object.deadlineAt <= now) {
      object.deadlineAt = Number.POSITIVE_INFINITY
      object.onDeadline()
    } else if (object.deadlineAt < next) next = object.deadlineAt
  }
  if (next < timerAt) arm(next)
}
