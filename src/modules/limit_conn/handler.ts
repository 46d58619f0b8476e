// What a request meets in the preaccess phase: its keys are rendered, and one native call holds a connection under every
// key or refuses. What is held is given back when the client's request has ended, however it ends; the verdict is kept with
// it, so that limits are applied once to it however often it is redirected inside.

import { DECLINED, type Handler, type PhaseResult } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import { readSlot, writeSlot } from '../../http/variables.ts'
import { CRIT, type LogLevel } from '../../log/levels.ts'
import { type AcquireConnections, LIMIT_NO_MEMORY, LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../../native/addon.ts'
import { type LimitRule, logLongKey, logLongKeys } from '../limit_rule.ts'

/** Kept once a limit was looked at; a request without has met no limit yet, or all keys were empty. */
export type Verdict = 'PASSED' | 'REJECTED' | 'REJECTED_DRY_RUN'

export interface LimitConnPolicy {
  readonly logLevel: LogLevel
  readonly status: number
  readonly dryRun: boolean
}

/** The two native calls. */
export interface Connections {
  readonly acquire: AcquireConnections
  readonly release: (handle: number) => void
  /** Filled by `acquire` when it refuses. */
  readonly result: Int32Array
}

/** Bytes; the length is kept in 8 bits. */
const MAX_KEY_BYTES = 255

/** `verdictSlot` is the slot of the client's request where its verdict is kept. */
export function limitConnHandler(
  rules: readonly LimitRule[],
  { acquire, release, result }: Connections,
  policy: LimitConnPolicy,
  verdictSlot: number,
): Handler {
  const [only, second] = rules
  if (only === undefined) throw new TypeError('a limit handler without limits')
  const refuse = refuser(rules, result, policy, verdictSlot)

  const settle = (r: HttpRequest, handle: number): PhaseResult => {
    if (handle > 0) {
      writeSlot(r, verdictSlot, 'PASSED' satisfies Verdict)
      r.main.addCleanup(() => release(handle))
      return DECLINED
    }
    return handle === LIMIT_NOT_ACCOUNTED ? DECLINED : refuse(r, handle)
  }

  if (second === undefined) {
    const { get } = only.key
    return (r) => {
      if (readSlot(r, verdictSlot) !== undefined) return DECLINED
      const key = get(r)
      if (key.length > MAX_KEY_BYTES) logLongKey(r, only, key, MAX_KEY_BYTES)
      return settle(r, acquire(key))
    }
  }

  // Filled anew by every request; nothing of it is kept behind the call but the last keys.
  const keys = rules.map(() => '')
  return (r) => {
    if (readSlot(r, verdictSlot) !== undefined) return DECLINED
    let hasLongKey = false
    for (let i = 0; i < rules.length; i++) {
      const key = (rules[i] as LimitRule).key.get(r)
      if (key.length > MAX_KEY_BYTES) hasLongKey = true
      keys[i] = key
    }
    const handle = acquire(...keys)
    if (hasLongKey) {
      const isRefused = handle === LIMIT_REJECTED || handle === LIMIT_NO_MEMORY
      logLongKeys(r, rules, keys, isRefused ? (result[0] as number) : rules.length, MAX_KEY_BYTES)
    }
    return settle(r, handle)
  }
}

/** Nothing is held. In dry run the request goes on, uncounted. */
function refuser(
  rules: readonly LimitRule[],
  result: Int32Array,
  { logLevel, status, dryRun }: LimitConnPolicy,
  verdictSlot: number,
): (r: HttpRequest, code: number) => PhaseResult {
  const note = dryRun ? ', dry run,' : ''
  const verdict: Verdict = dryRun ? 'REJECTED_DRY_RUN' : 'REJECTED'
  return (r, code) => {
    const zoneName = rules[result[0] as number]?.zoneName ?? ''
    if (code === LIMIT_NO_MEMORY) {
      // About the zone and not about this request, which only had bad luck: without its context, and in the words of the
      // allocator.
      r.location.errorLog?.write(CRIT, `ngx_slab_alloc() failed: no memory in limit_conn_zone "${zoneName}"`)
    } else {
      r.log(logLevel, `limiting connections${note} by zone "${zoneName}"`)
    }
    writeSlot(r, verdictSlot, verdict)
    return dryRun ? DECLINED : status
  }
}
