// Waiting for the delay of an allowed request.

import { callAfter } from './timer.ts'
import type { CheckResult } from './types.ts'

/**
 * Resolves with `result` when its delay is over; at once when there is none. Rejects with the signal's reason, also when
 * that was aborted before.
 */
export function afterDelay(result: CheckResult, signal: AbortSignal | undefined): Promise<CheckResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    if (result.delayMs === 0) {
      resolve(result)
      return
    }
    const cancel = callAfter(result.delayMs, () => {
      forget?.()
      resolve(result)
    })
    const forget =
      signal &&
      whenAborted(signal, () => {
        cancel()
        reject(signal.reason)
      })
  })
}

interface Waiters {
  readonly aborts: Set<() => void>
  readonly listener: () => void
}

const waiters = new WeakMap<AbortSignal, Waiters>()

/**
 * Calls `abort` when the signal is aborted, unless the function that it returns is called before. One signal may end
 * thousands of waits, the end of a process for instance; of eleven listeners Node warns.
 */
function whenAborted(signal: AbortSignal, abort: () => void): () => void {
  const { aborts, listener } = waiters.get(signal) ?? listen(signal)
  aborts.add(abort)
  return () => {
    aborts.delete(abort)
    if (aborts.size > 0) return
    signal.removeEventListener('abort', listener)
    waiters.delete(signal)
  }
}

function listen(signal: AbortSignal): Waiters {
  const aborts = new Set<() => void>()
  const listener = () => {
    waiters.delete(signal)
    for (const abort of aborts) abort()
  }
  const made = { aborts, listener }
  waiters.set(signal, made)
  signal.addEventListener('abort', listener, { once: true })
  return made
}
