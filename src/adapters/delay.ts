// Delaying a request, unless its client leaves meanwhile: then it is not served.

import type { ServerResponse } from 'node:http'
import { callAfter } from '../limiter/timer.ts'

/** Calls `next` after the delay, or `left` when the client leaves before. */
export function nextAfter(
  delayMs: number,
  response: Pick<ServerResponse, 'once' | 'off'>,
  next: () => void,
  left?: () => void,
): void {
  const leave = () => {
    cancel()
    left?.()
  }
  const cancel = callAfter(delayMs, () => {
    response.off('close', leave)
    next()
  })
  response.once('close', leave)
}
