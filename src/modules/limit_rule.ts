// What the handlers of limit_req and limit_conn have in common: a rule is a key and the name of a zone, and a key may be
// too long to be one.

import type { HttpRequest } from '../http/request.ts'
import type { Value } from '../http/value.ts'

/** What a handler needs of a limit: its key, and its zone's name for the log. */
export interface LimitRule {
  readonly key: Value
  readonly zoneName: string
}

/** Native code skips longer keys without a word; this is the word. */
export function logLongKey(r: HttpRequest, { key }: LimitRule, value: string, maxBytes: number): void {
  r.logError(`the value of the "${key.text}" key is more than ${maxBytes} bytes: "${value}"`)
}

/** Logs those of the first `end` keys that are too long: a refusal ends the walk, and what is behind it says nothing. */
export function logLongKeys(
  r: HttpRequest,
  rules: readonly LimitRule[],
  keys: readonly string[],
  end: number,
  maxBytes: number,
): void {
  for (let i = 0; i < end; i++) {
    const key = keys[i] as string
    if (key.length > maxBytes) logLongKey(r, rules[i] as LimitRule, key, maxBytes)
  }
}
