// Error log lines of a request: the message, then nginx's context (spec config.md §2.2): what it was doing, client, server,
// request line, upstream, host, referrer, each only if known.

import type { LogLevel } from '../log/levels.ts'
import { HOST, REFERER } from '../net/header_names.ts'
import type { HttpRequest } from './request.ts'

/** Writes `message` with the request's context to the log of its location. Builds nothing when the level is off. */
export function logRequestError(r: HttpRequest, level: LogLevel, message: string): void {
  const log = r.location.errorLog
  if (log === undefined || level > log.level) return
  log.write(level, message + contextOf(r), r.connection.number)
}

function contextOf(r: HttpRequest): string {
  const { main } = r
  let text = r.action === '' ? '' : ` while ${r.action}`
  text += `, client: ${r.remoteAddr}, server: ${r.server.name}`
  if (main.requestLine !== '') text += `, request: "${main.requestLine}"`
  if (r !== main) text += `, subrequest: "${r.uri}"`
  if (r.upstreamText !== '') text += r.upstreamText
  const host = main.fields.known(HOST)
  if (host !== undefined) text += `, host: "${host}"`
  const referer = main.fields.known(REFERER)
  if (referer !== undefined) text += `, referrer: "${referer}"`
  return text
}
