// What a request's tries came to, for the $upstream_* variables: one record per try, over all upstream uses of the
// request. Internal redirects clear the state of modules, and these records must outlive them (the access log of an error
// page wants to know): before a redirect, the owner parks them with `keepTries`.

import type { HttpRequest } from '../../http/request.ts'
import type { WholeBody } from '../../http/request_body.ts'

/** Times in ms of performance.now() at the start, then since it; -1 = never came to it. */
export class Try {
  /** Which use of an upstream it belongs to: tries of one use are joined by `, `, uses by ` : `. */
  readonly use: number
  readonly address: string
  readonly startMs: number
  /** Of the response, or the one that a failure stands for; 0 = none. */
  status = 0
  connectMs = -1
  headerMs = -1
  responseMs = -1
  bodyLength = 0
  bytesReceived = 0
  bytesSent = 0

  constructor(use: number, address: string, startMs: number) {
    this.use = use
    this.address = address
    this.startMs = startMs
  }
}

export class UpstreamTries {
  /** The last try, or undefined before the first. */
  current: Try | undefined = undefined
  /** Those before it; undefined = none. */
  earlier: Try[] | undefined = undefined
  /** Number of the running use; a use that has no try yet leaves a trailing ` : `. */
  use = 0
  /** Head of the last try's response, status line included; '' = none. */
  headText = ''
  /** Trailer lines of the last try. */
  trailers = ''
  /** The client's body, if it was read whole: it can be read once only, and another use may want it. */
  requestBody: WholeBody | undefined = undefined

  /** Another handler passes the request on. */
  beginUse(): void {
    if (this.current !== undefined) this.use++
  }

  /** A try begins. */
  begin(address: string, nowMs: number): Try {
    if (this.current !== undefined) {
      this.earlier ??= []
      this.earlier.push(this.current)
    }
    this.headText = ''
    this.trailers = ''
    this.current = new Try(this.use, address, nowMs)
    return this.current
  }
}

const kept = new WeakMap<HttpRequest, UpstreamTries>()

/** Makes the tries survive an internal redirect of `r`. */
export function keepTries(r: HttpRequest, tries: UpstreamTries): void {
  kept.set(r, tries)
}

/** State of the upstream module for a request: what an earlier use left, or a new one. */
export function newTries(r: HttpRequest): UpstreamTries {
  return kept.get(r) ?? new UpstreamTries()
}

/** Tries of an earlier use that nobody has taken up again. */
export function keptTries(r: HttpRequest): UpstreamTries | undefined {
  return kept.get(r)
}
