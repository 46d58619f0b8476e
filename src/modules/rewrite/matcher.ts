// Regular expressions of rewrite and if: a match leaves its captures with the request ($1..$9 and named ones).

import type { ConfigCursor } from '../../config/types.ts'
import { hasNamedGroups, storeNamedCaptures } from '../../http/captures.ts'
import { compileRegex } from '../../http/regex.ts'
import type { HttpRequest } from '../../http/request.ts'
import { NOTICE } from '../../log/levels.ts'

/** True when `subject` matches. With `isLogged` (rewrite_log) it says so. */
export type Matcher = (r: HttpRequest, subject: string, isLogged: boolean) => boolean

export function compileMatcher(cf: ConfigCursor, pattern: string, caseless: boolean): Matcher {
  const regex = compileRegex(cf, pattern, caseless)
  const named = hasNamedGroups(cf, regex)
  return (r, subject, isLogged) => {
    const match = regex.exec(subject)
    if (isLogged) r.log(NOTICE, `"${pattern}" ${match === null ? 'does not match' : 'matches'} "${subject}"`)
    if (match === null) return false
    r.captures = match
    if (named !== undefined) storeNamedCaptures(r, match, named)
    return true
  }
}
