// Waiting in tests: always for a condition, always with a deadline. A bare sleep is allowed only where time is the subject.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 5
/** As long as a program may take to start on a machine that has much else to do. */
const PATIENCE_MS = 20_000

/**
 * Resolves with the first value of `probe` that is neither undefined nor false; polls every 5 ms, or less often when the
 * probe itself takes long: what is waited for needs a CPU too. Fails after `limitMs` with `what` in the message.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const startMs = performance.now()
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    await sleep(Math.max(POLL_MS, 2 * (performance.now() - startMs)))
    // Node runs timers as long as some are due: probes that take longer than their pause would keep it from all else.
    await nextTurn()
  }
}

/** The promise's value, or a failure that names `what` after `limitMs`. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain for ${what}`)), limitMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export { sleep }
