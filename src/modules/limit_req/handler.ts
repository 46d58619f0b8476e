// What a request meets in the preaccess phase: its keys are rendered, one native call decides and charges all limits of
// the location, and the verdict is kept with the client's request, so that limits are applied once to it however often it
// is redirected inside. Nothing here decides anything about rates; that is the zone's.

import { AGAIN, DECLINED, type Handler, type PhaseResult } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import { readSlot, writeSlot } from '../../http/variables.ts'
import { ALERT, INFO, type LogLevel, NOTICE, WARN } from '../../log/levels.ts'
import { type CheckLimits, LIMIT_NO_MEMORY, LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../../native/addon.ts'
import { type LimitRule, logLongKey, logLongKeys } from '../limit_rule.ts'
import { Delay } from './delay.ts'

/** Kept once a limit was looked at; a request without has met no limit yet, or all keys were empty. */
export type Verdict = 'PASSED' | 'DELAYED' | 'REJECTED' | 'DELAYED_DRY_RUN' | 'REJECTED_DRY_RUN'

export interface LimitPolicy {
  /** Of rejections; delays are logged one level lower. */
  readonly logLevel: LogLevel
  readonly status: number
  readonly dryRun: boolean
}

/** Bytes; the length is kept in 16 bits. Native code skips longer keys, here is the log line for them. */
const MAX_KEY_BYTES = 65535
const CLIENT_CLOSED_REQUEST = 499

/**
 * `check` is the native function for these rules in this order, `result` the array that it fills, `verdictSlot` the slot of
 * the client's request where its verdict is kept.
 */
export function limitHandler(
  rules: readonly LimitRule[],
  check: CheckLimits,
  result: Float64Array,
  policy: LimitPolicy,
  verdictSlot: number,
): Handler {
  const [only, second] = rules
  if (only === undefined) throw new TypeError('a limit handler without limits')
  const settle = settler(rules, result, policy, verdictSlot)

  if (second === undefined) {
    const { get } = only.key
    return (r) => {
      if (readSlot(r, verdictSlot) !== undefined) return DECLINED
      const key = get(r)
      if (key.length > MAX_KEY_BYTES) logLongKey(r, only, key, MAX_KEY_BYTES)
      return settle(r, check(key))
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
    const waitMs = check(...keys)
    if (hasLongKey) logLongKeys(r, rules, keys, looksEnd(waitMs, result, rules.length), MAX_KEY_BYTES)
    return settle(r, waitMs)
  }
}

/** Turns the answer of the native call into verdict, log line and the handler's result. */
function settler(
  rules: readonly LimitRule[],
  result: Float64Array,
  { logLevel, status, dryRun }: LimitPolicy,
  verdictSlot: number,
): (r: HttpRequest, waitMs: number) => PhaseResult {
  const delayLevel = lowerLevel(logLevel)
  const note = dryRun ? ', dry run' : ''
  const zoneName = (): string => rules[result[1] as number]?.zoneName ?? ''
  const keep = (r: HttpRequest, verdict: Verdict): void => writeSlot(r, verdictSlot, verdict)

  return (r, waitMs) => {
    if (waitMs === 0) {
      keep(r, 'PASSED')
      return DECLINED
    }
    if (waitMs > 0) {
      if (r.logs(delayLevel)) {
        r.log(delayLevel, `delaying request${note}, excess: ${ticks(result)}, by zone "${zoneName()}"`)
      }
      keep(r, dryRun ? 'DELAYED_DRY_RUN' : 'DELAYED')
      return dryRun ? DECLINED : park(r, waitMs)
    }
    if (waitMs === LIMIT_NOT_ACCOUNTED) return DECLINED
    if (waitMs === LIMIT_REJECTED) {
      // Whoever is attacked may have switched the lines off: then they cost nothing.
      if (r.logs(logLevel)) {
        r.log(logLevel, `limiting requests${note}, excess: ${ticks(result)} by zone "${zoneName()}"`)
      }
    } else if (waitMs === LIMIT_NO_MEMORY) {
      // About the zone and not about this request, which only had bad luck: without its context.
      r.location.errorLog?.write(ALERT, `could not allocate node in limit_req zone "${zoneName()}"`)
    }
    keep(r, dryRun ? 'REJECTED_DRY_RUN' : 'REJECTED')
    return dryRun ? DECLINED : status
  }
}

/** Waits; then the handler runs once more and finds its verdict. A client that leaves meanwhile stays charged. */
function park(r: HttpRequest, waitMs: number): PhaseResult {
  const delay = new Delay(waitMs, () => {
    r.onAbort = undefined
    r.resume()
  })
  r.onAbort = () => {
    delay.cancel()
    r.onAbort = undefined
    r.log(INFO, 'client prematurely closed connection')
    r.finalize(CLIENT_CLOSED_REQUEST)
  }
  return AGAIN
}

/** The excess as requests with three decimals. */
function ticks(result: Float64Array): string {
  const excess = result[0] as number
  return `${Math.floor(excess / 1000)}.${String(excess % 1000).padStart(3, '0')}`
}

function lowerLevel(level: LogLevel): LogLevel {
  if (level < WARN) return WARN
  return level === WARN ? NOTICE : INFO
}

/** Index behind the last limit that was looked at: a refusal ends the walk, and what is behind it says nothing. */
function looksEnd(waitMs: number, result: Float64Array, count: number): number {
  return waitMs === LIMIT_REJECTED || waitMs === LIMIT_NO_MEMORY ? (result[1] as number) : count
}
