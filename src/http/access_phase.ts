// The access phase and what follows it (spec config.md §4). With `satisfy all` every handler must agree; with `satisfy any`
// one consent is enough, refusals are remembered, and the last handler of the list tells what was remembered.

import { ERROR } from '../log/levels.ts'
import { DECLINED, type Handler, OK } from './module.ts'
import type { HttpRequest } from './request.ts'

/** Wraps the access handlers of a location. A handler says OK (granted), DECLINED (no opinion) or a status. */
export function accessPhase(handlers: readonly Handler[], satisfy: 'all' | 'any'): Handler[] {
  if (handlers.length === 0) return []
  // The parts of a request that was let in are not asked again.
  if (satisfy === 'all') {
    return handlers.map((handler) => (r) => {
      if (r !== r.main) return DECLINED
      const result = handler(r)
      return result === OK ? DECLINED : result
    })
  }
  return [...handlers.map(rememberRefusal), tellRefusal]
}

function rememberRefusal(handler: Handler): Handler {
  return (r) => {
    if (r !== r.main) return DECLINED
    const result = handler(r)
    if (result === OK) {
      r.accessCode = 0
      r.out.remove('WWW-Authenticate')
      return OK
    }
    if (result !== 401 && result !== 403 && result !== 407) return result
    // Being asked for a password beats a plain refusal.
    if (r.accessCode !== 401 && r.accessCode !== 407) r.accessCode = result
    return DECLINED
  }
}

function tellRefusal(r: HttpRequest): number {
  const code = r.accessCode
  if (code === 0) return DECLINED
  r.accessCode = 0
  if (code === 403) r.log(ERROR, 'access forbidden by rule')
  return code
}
