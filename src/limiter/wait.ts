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
    const abort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = callAfter(result.delayMs, () => {
      signal?.removeEventListener('abort', abort)
      resolve(result)
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}
