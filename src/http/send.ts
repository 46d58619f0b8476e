// How handlers answer. sendHead runs the header filters and hands the head to the stream; bodies follow by r.stream.write
// and r.stream.end.

import { DONE, type PhaseResult } from './module.ts'
import type { HttpRequest } from './request.ts'

/** Runs the location's header filters and hands the head over. Once per request. Body calls are allowed afterwards. */
export function sendHead(r: HttpRequest): void {
  if (r.headerSent) return
  r.headerSent = true
  if (r.method === 'HEAD' || r.status === 204 || r.status === 304) r.headerOnly = true
  for (const filter of r.location.headerFilters) filter(r)
  r.stream.sendHead(r)
}

/**
 * A whole response from memory; sets the content length. `body` is latin1 text. Ends the response. Returns DONE, or 400 when the
 * request's own body is malformed.
 */
export function sendText(r: HttpRequest, status: number, contentType: string, body: string): PhaseResult {
  if (!r.stream.discardBody()) return 400
  r.status = status
  r.out.contentType = contentType
  r.out.contentLength = body.length
  sendHead(r)
  if (!r.headerOnly && body !== '') r.stream.write(body)
  r.stream.end()
  return DONE
}
