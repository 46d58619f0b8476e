// Waiting in tests: always for a condition, always with a deadline. A bare sleep is allowed only where time is the subject.

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Resolves with the first value of `probe` that is neither undefined nor false; polls every 5 ms. Fails after `limitMs`
 * with `what` in the message.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    await sleep(5)
  }
}

/** The promise's value, or a failure that names `what` after `limitMs`. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = 10_000): Promise<T> {
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
