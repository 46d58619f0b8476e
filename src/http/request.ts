// One HTTP request, whatever the wire. A fixed-shape class: every field exists from the start, so that all requests share
// one hidden class. It knows its connection, its stream, the location it is in and what it will answer; how bytes travel is
// the stream's business, what happens in which order is phases.ts's.

import { ERROR, type LogLevel } from '../log/levels.ts'
import type { HeaderFields } from '../net/header_fields.ts'
import type { ClientConnection } from './client_connection.ts'
import { finalizeRequest, requestEnded, runCleanups } from './finalize.ts'
import { HeadersOut } from './headers_out.ts'
import type { Location } from './location.ts'
import type { HttpModule } from './module.ts'
import { resumePhases } from './phases.ts'
import { logRequestError } from './request_log.ts'
import type { BodySource, RequestStream } from './stream.ts'
import type { VirtualServer } from './virtual_server.ts'

/** HTTP versions as numbers: major * 1000 + minor, as nginx. */
export const HTTP_0_9 = 9
export const HTTP_1_0 = 1000
export const HTTP_1_1 = 1001
export const HTTP_2_0 = 2000

export class HttpRequest {
  readonly connection: ClientConnection
  readonly stream: RequestStream
  /** The client's request; itself unless this is a subrequest. */
  readonly main: HttpRequest
  readonly parent: HttpRequest | undefined
  server: VirtualServer
  location: Location

  // The request line. All latin1.
  /** Method to before CRLF ($request). */
  requestLine = ''
  method = ''
  /** Target as sent; path part only for the absolute form ($request_uri). */
  unparsedUri = ''
  /** Normalised, decoded path ($uri). */
  uri = ''
  /** Raw, without `?`. */
  args = ''
  httpVersion = HTTP_1_1
  /** $server_protocol. */
  protocol = ''
  /** The target may be passed on as received (no rewrite, no internal redirect). */
  validUnparsedUri = true
  /** The target had %, //, /. or #: the decoded URI must be escaped again when it is used in a URI. */
  quotedUri = false
  /** Internal redirect, named location or error page: `internal` locations may be entered. */
  internal = false
  /** The matched location is still the one of `uri` (false after rewrite ... break). */
  validLocation = true
  /** rewrite changed the URI: look the location up again at the end of the phase. */
  uriChanged = false
  /** Left of nginx's 10 rewrites and internal redirects. */
  uriChanges = 11

  // The request head.
  readonly fields: HeaderFields
  /** Host of the request line or Host header, lower case, no port; '' = none. */
  host = ''
  /** Port given with the host, or ''. */
  hostPort = ''
  /** Content-Length, or -1. */
  contentLengthIn = -1
  chunkedIn = false
  expectContinue = false
  /** May the connection be used again after this request (as far as is known now)? */
  keepAlive = false
  /** User or peer address may be replaced by realip; else the connection's. */
  remoteAddr: string
  binaryRemoteAddr: string

  // The response.
  status = 0
  /** Status line text behind HTTP/1.1, e.g. `200 OK` of the upstream; '' = the standard text. */
  statusLine = ''
  readonly out = new HeadersOut()
  headerSent = false
  /** HEAD, 204, 304: no body goes out whatever is written. */
  headerOnly = false
  /** The response body goes out in chunks. Set when the head is written. */
  chunkedOut = false
  /** Bytes per second, 0 = unlimited ($limit_rate); -1 = nobody has said anything yet, the location decides. */
  limitRate = -1
  /** $request_id, made on first use. */
  requestId: string | undefined = undefined
  /** The response went out whole ($request_completion). */
  complete = false
  /** Code of the special response being sent, before error_page changed it; 0 = none. */
  errStatus = 0
  /** Refusal remembered by `satisfy any`, or 0. */
  accessCode = 0
  /** One error_page hop only. */
  errorPageUsed = false
  /** Who fills the response body and waits for room. */
  source: BodySource | undefined = undefined
  /** Called instead of finalizing with 499 when the client went away while the request waits. */
  onAbort: (() => void) | undefined = undefined
  /** The client is gone; nothing can be sent. */
  aborted = false
  done = false
  /** Somebody reads or drops the client's body already. */
  bodyTaken = false
  /** Run once when the request has ended and nobody holds it. */
  cleanups: (() => void)[] | undefined = undefined
  /** So many work on for the request although its client may be gone (proxy_ignore_client_abort); see `release`. */
  holds = 0
  /** Whole body as read by readClientBody, when a handler wanted it. */
  requestBody: Buffer | undefined = undefined
  requestBodyFile: string | undefined = undefined

  // The phase engine.
  handlerIndex = 0
  phaseStep = 0
  /** Wall clock in ms when the first byte was read ($request_time, limit_rate). */
  readonly startMs: number
  /** What this request is doing, for the error log (`while ...`); '' = nothing said. */
  action = ''
  /** `, upstream: "..."` part of the error log context. */
  upstreamText = ''
  /** Captures of the last regex match, for $1..$9. */
  captures: readonly (string | undefined)[] | undefined = undefined
  /** Values of set, map, geo and named-capture variables by slot; shared with subrequests. */
  slots: (string | undefined)[] | undefined = undefined
  #states: unknown[] | undefined = undefined

  constructor(
    connection: ClientConnection,
    stream: RequestStream,
    fields: HeaderFields,
    server: VirtualServer,
    startMs: number,
    parent?: HttpRequest,
  ) {
    this.connection = connection
    this.stream = stream
    this.fields = fields
    this.server = server
    this.location = server.location
    this.parent = parent
    this.main = parent === undefined ? this : parent.main
    this.startMs = startMs
    this.remoteAddr = connection.remoteAddr
    this.binaryRemoteAddr = connection.binaryRemoteAddr
  }

  /** Merged configuration of a module in the current location. */
  conf<Conf extends object, State>(module: HttpModule<Conf, State>): Readonly<Conf> {
    return this.location.confs[module.id] as Readonly<Conf>
  }

  /** A module's state for this request, made on first use. */
  state<Conf extends object, State>(module: HttpModule<Conf, State>): State {
    this.#states ??= []
    const states = this.#states
    const id = module.id
    while (states.length <= id) states.push(undefined)
    let state = states[id] as State | undefined
    if (state === undefined) {
      const make = module.newState
      if (make === undefined) throw new Error(`module ${module.name} has no request state`)
      state = make(this)
      states[id] = state
    }
    return state
  }

  /** A module's state if there is one already. */
  peekState<Conf extends object, State>(module: HttpModule<Conf, State>): State | undefined {
    return this.#states?.[module.id] as State | undefined
  }

  /** Internal redirect: modules forget what they knew. */
  clearStates(): void {
    this.#states = undefined
  }

  /** `cleanup` runs once, after the request was logged and nobody holds it any more. */
  addCleanup(cleanup: () => void): void {
    if (this.cleanups === undefined) this.cleanups = [cleanup]
    else this.cleanups.push(cleanup)
  }

  /** Keeps what the cleanups free (the body, a counted connection) until release(), also when the client goes. */
  hold(): void {
    this.holds++
  }

  /** The end of one hold(). */
  release(): void {
    this.holds--
    if (this.done) runCleanups(this)
  }

  /** Goes on with the handler that returned AGAIN. */
  resume(): void {
    resumePhases(this)
  }

  /** Ends the request with a result, as a handler's return value would: a status, or DONE when the response is out. */
  finalize(result: number): void {
    finalizeRequest(this, result)
  }

  /** Called by the stream once the response has been handed over whole or the connection is gone. */
  ended(): void {
    requestEnded(this)
  }

  /** Would `log` write a message of that level? For messages that cost something to make. */
  logs(level: LogLevel): boolean {
    return level <= (this.location.errorLog?.level ?? -1)
  }

  /** Writes to the location's error log with the request's context, nginx's form. */
  log(level: LogLevel, message: string): void {
    logRequestError(this, level, message)
  }

  logError(message: string): void {
    logRequestError(this, ERROR, message)
  }
}
