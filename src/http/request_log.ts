// Error log lines of a request: the message, then nginx's context (spec config.md §2.2): what it was doing, client, server,
// request line, upstream, host, referrer, each only if known.

import { DEBUG, type LogLevel } from '../log/levels.ts'
import { HOST, REFERER } from '../net/header_names.ts'
import type { HttpRequest } from './request.ts'

/** Writes `message` with the request's context to the log of its location. Builds nothing when the level is off. */
export function logRequestError(r: HttpRequest, level: LogLevel, message: string): void {
  let log = r.location.errorLog
  if (log === undefined) return
  if (r.connection.debug) log = log.verbose
  else if (level > log.level) return
  // What is traced needs no context: the connection's number tells the lines of one request.
  log.write(level, level === DEBUG ? message : message + contextOf(r), r.connection.number)
}

/** Are debug messages of this request written? To be asked before one is built. */
export function isTraced(r: HttpRequest): boolean {
  return r.connection.debug || r.location.errorLog?.level === DEBUG
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
