// Ending a request: with a special response, silently, or after its response is out. One way in (finalizeRequest) for
// handlers, the phase engine and the wire; one way out (requestEnded), which logs and frees what the request holds.

import { DEBUG } from '../log/levels.ts'
import { AGAIN, CLOSE, DECLINED, DONE, OK, type PhaseResult } from './module.ts'
import type { HttpRequest } from './request.ts'
import { isTraced } from './request_log.ts'
import { sendSpecialResponse } from './special_response.ts'
import { CLIENT_CLOSED_REQUEST } from './status.ts'

/** See HttpRequest.finalize. */
export function finalizeRequest(r: HttpRequest, result: PhaseResult): void {
  if (r.done || result === AGAIN || result === DONE || result === DECLINED || result === OK) return
  if (r.aborted || result === CLOSE || result === CLIENT_CLOSED_REQUEST || result === 408) {
    terminateRequest(r, result)
    return
  }
  if (r.headerSent) {
    // A head cannot be taken back; a body that ends early must not look complete.
    if (result >= 300) r.stream.abort()
    return
  }
  if (result >= 300 || result === 201 || result === 204) sendSpecialResponse(r, result)
}

/** Ends a request without (more of) a response: the connection or stream is cut. */
export function terminateRequest(r: HttpRequest, status: number): void {
  if (r.done) return
  if (!r.headerSent) {
    r.status = status
    r.errStatus = 0
  }
  r.stream.abort()
}

/** See HttpRequest.ended. Runs once: log phase, then cleanups (bodies, temporary files, counted connections). */
export function requestEnded(r: HttpRequest): void {
  if (r.done) return
  r.done = true
  if (isTraced(r)) r.log(DEBUG, `http finalize request: ${r.status}, "${r.uri}?${r.args}"`)
  r.onAbort = undefined
  const { source } = r
  r.source = undefined
  source?.onUnwanted?.()
  if (r.parent === undefined) {
    const { loggers } = r.location
    for (let i = 0; i < loggers.length; i++) (loggers[i] as (r: HttpRequest) => void)(r)
  }
  runCleanups(r)
}

/** Of a request that has ended: frees what it holds, unless somebody still works for it. */
export function runCleanups(r: HttpRequest): void {
  const { cleanups } = r
  if (cleanups === undefined || r.holds > 0) return
  r.cleanups = undefined
  for (const cleanup of cleanups) cleanup()
}
