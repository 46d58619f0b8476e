// The phase engine (spec config.md §4): server-level handlers, location lookup, rewrite, then the location's flat list of
// prepared handlers, then content. A request walks it synchronously; a handler that must wait returns AGAIN and calls
// r.resume() later, which runs the same handler again. Internal redirects and named locations re-enter at an earlier step.

import { DEBUG, ERROR } from '../log/levels.ts'
import { USER_AGENT } from '../net/header_names.ts'
import { KEEPALIVE_DISABLE } from './core_conf.ts'
import { finalizeRequest } from './finalize.ts'
import type { Location } from './location.ts'
import { AGAIN, DECLINED, DONE, type Handler, OK, type PhaseResult } from './module.ts'
import { requestPath } from './path.ts'
import type { HttpRequest } from './request.ts'
import { isTraced } from './request_log.ts'
import { escapeUri } from './uri.ts'

// Values of r.phaseStep.
const STEP_SERVER = 0
const STEP_FIND = 1
const STEP_REWRITE = 2
const STEP_POST_REWRITE = 3
const STEP_HANDLERS = 4
const STEP_CONTENT = 5

/** The list came to its end without anybody ending the request. */
const EXHAUSTED = -1

/** Starts a request at its first phase. */
export function startPhases(r: HttpRequest): void {
  r.phaseStep = STEP_SERVER
  r.handlerIndex = 0
  runPhases(r)
}

/** Goes on where a handler returned AGAIN. */
export function resumePhases(r: HttpRequest): void {
  if (!r.done) runPhases(r)
}

/** Internal redirect: a new URI, from the server-level rewrite on. Modules forget the request. Returns DONE. */
export function internalRedirect(r: HttpRequest, uri: string, args: string): PhaseResult {
  r.uriChanges--
  if (r.uriChanges === 0) {
    r.log(ERROR, `rewrite or internal redirection cycle while internally redirecting to "${uri}"`)
    finalizeRequest(r, 500)
    return DONE
  }
  r.uri = uri
  r.args = args
  r.clearStates()
  r.location = r.server.location
  r.internal = true
  r.validUnparsedUri = false
  r.validLocation = true
  r.onAbort = undefined
  r.phaseStep = STEP_SERVER
  r.handlerIndex = r.server.rewriteFrom
  runPhases(r)
  return DONE
}

/** Goes on in `@name` with the URI as it is. Returns DONE. */
export function redirectToNamed(r: HttpRequest, name: string): PhaseResult {
  r.uriChanges--
  if (r.uriChanges === 0) {
    r.log(ERROR, `rewrite or internal redirection cycle while redirect to named location "${name}"`)
    finalizeRequest(r, 500)
    return DONE
  }
  const location = r.server.named.get(name)
  if (location === undefined) {
    r.log(ERROR, `could not find named location "${name}"`)
    finalizeRequest(r, 500)
    return DONE
  }
  r.internal = true
  r.clearStates()
  enterLocation(r, location)
  r.onAbort = undefined
  r.phaseStep = STEP_REWRITE
  r.handlerIndex = 0
  runPhases(r)
  return DONE
}

function runPhases(r: HttpRequest): void {
  for (;;) {
    let result: PhaseResult
    switch (r.phaseStep) {
      case STEP_SERVER:
        result = runList(r, r.server.handlers, r.server.handlerSkip)
        if (result === EXHAUSTED) {
          r.phaseStep = STEP_FIND
          continue
        }
        break
      case STEP_FIND:
        r.uriChanged = false
        result = findLocation(r)
        if (result === DECLINED) {
          r.phaseStep = STEP_REWRITE
          continue
        }
        break
      case STEP_REWRITE: {
        const rewrite = r.location.rewrite
        result = rewrite === undefined ? DECLINED : rewrite(r)
        if (result === DECLINED) {
          r.phaseStep = STEP_POST_REWRITE
          continue
        }
        break
      }
      case STEP_POST_REWRITE:
        if (r.uriChanged) {
          if (--r.uriChanges === 0) {
            r.log(ERROR, `rewrite or internal redirection cycle while processing "${r.uri}"`)
            finalizeRequest(r, 500)
            return
          }
          r.phaseStep = STEP_FIND
          continue
        }
        r.phaseStep = STEP_HANDLERS
        r.handlerIndex = 0
        continue
      case STEP_HANDLERS: {
        result = runList(r, r.location.handlers, r.location.handlerSkip)
        if (result === EXHAUSTED) {
          r.phaseStep = STEP_CONTENT
          continue
        }
        break
      }
      default: {
        const content = r.location.content
        result = content === undefined ? nobody(r) : content(r)
        if (result === DECLINED) result = 404
        break
      }
    }
    if (result === AGAIN || result === DONE) return
    finalizeRequest(r, result)
    return
  }
}

function runList(r: HttpRequest, handlers: readonly Handler[], skip: readonly number[]): PhaseResult {
  while (r.handlerIndex < handlers.length) {
    const index = r.handlerIndex
    const result = (handlers[index] as Handler)(r)
    if (result === DECLINED) r.handlerIndex = index + 1
    else if (result === OK) r.handlerIndex = skip[index] as number
    else return result
  }
  return EXHAUSTED
}

/** Filled by a lookup that ended at a location which wants a redirect. */
interface Redirect {
  to: Location | undefined
}

const redirect: Redirect = { to: undefined }

function lookUp(r: HttpRequest, found: Redirect): Location | undefined {
  found.to = undefined
  return r.server.tree.empty ? undefined : r.server.tree.find(r, r.uri, found)
}

function findLocation(r: HttpRequest): PhaseResult {
  const location = lookUp(r, redirect)
  enterLocation(r, location ?? r.server.location)
  if (isTraced(r)) r.log(DEBUG, `using configuration "${r.location.name}"`)
  const core = r.location.core
  if (core.internal && !r.internal) return 404
  if (core.clientMaxBodySize > 0 && r.contentLengthIn > core.clientMaxBodySize && !r.bodyTaken) {
    r.log(ERROR, `client intended to send too large body: ${r.contentLengthIn} bytes`)
    // Whatever answers, an error page's location too, must not read it.
    r.stream.discardBody()
    return 413
  }
  if (redirect.to !== undefined) {
    r.out.location = escapeUri(redirect.to.name) + (r.args === '' ? '' : `?${r.args}`)
    return 301
  }
  return DECLINED
}

/** What depends on the location alone, each time the request changes it. */
function enterLocation(r: HttpRequest, location: Location): void {
  r.location = location
  if (!r.keepAlive) return
  const core = location.core
  const { connection } = r
  if (
    core.keepaliveTimeout === 0 ||
    connection.requests >= core.keepaliveRequests ||
    r.startMs - connection.startMs > core.keepaliveTime ||
    isDisabledBrowser(r, core.keepaliveDisable)
  ) {
    r.keepAlive = false
  }
}

/** Browsers that nginx does not trust with keep-alive: old MSIE after POST, Safari on request. */
function isDisabledBrowser(r: HttpRequest, disabled: number): boolean {
  if (r.method === 'GET' && (disabled & KEEPALIVE_DISABLE.safari) === 0) return false
  const agent = r.fields.known(USER_AGENT)
  if (agent === undefined || agent.includes('Opera')) return false
  if (agent.includes('MSIE ')) {
    const old = /MSIE ([45]|6(?!.*SV1))/.test(agent)
    return old && r.method === 'POST' && (disabled & KEEPALIVE_DISABLE.msie6) !== 0
  }
  const isSafari = /Safari\//.test(agent) && agent.includes('Mac OS X') && !/Gecko\/|Chrome\//.test(agent)
  return isSafari && (disabled & KEEPALIVE_DISABLE.safari) !== 0
}

/** The end of the content phase: nothing took the request. */
function nobody(r: HttpRequest): PhaseResult {
  if (r.uri.endsWith('/')) {
    const path = requestPath(r)
    if (path === undefined) return 500
    r.log(ERROR, `directory index of "${path}" is forbidden`)
    return 403
  }
  r.log(ERROR, 'no handler found')
  return 404
}
