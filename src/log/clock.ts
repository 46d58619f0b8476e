// The wall clock as one event sees it: read once, then the same until the event's callback has returned, as nginx's cached
// time. A request that is answered within one event therefore took 0.000 s, and costs one clock reading.

let cachedMs = 0
let cachedMonotonicMs = 0

// A reaction to a promise that is settled already: runs when the callback has returned, and costs a tenth of
// queueMicrotask, which makes an async resource for each call.
const event = Promise.resolve()

function forget(): void {
  cachedMs = 0
  cachedMonotonicMs = 0
}

/** Milliseconds since the epoch, constant within one event-loop callback. */
export function eventMs(): number {
  if (cachedMs === 0) {
    cachedMs = Date.now()
    if (cachedMonotonicMs === 0) void event.then(forget)
  }
  return cachedMs
}

/** Milliseconds of `performance.now()`, constant within one event-loop callback: for durations and deadlines. */
export function eventMonotonicMs(): number {
  if (cachedMonotonicMs === 0) {
    cachedMonotonicMs = performance.now()
    if (cachedMs === 0) void event.then(forget)
  }
  return cachedMonotonicMs
}
