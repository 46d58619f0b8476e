// rewrite: changes the URI of a request, or redirects the client, where a regular expression matches.

import type { ConfigCursor } from '../../config/types.ts'
import type { PhaseResult } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import { NOTICE } from '../../log/levels.ts'
import type { RewriteConf } from './index.ts'
import { NEXT, STOP } from './instructions.ts'
import { compileMatcher } from './matcher.ts'
import { isAbsoluteUrl, setLocation } from './return.ts'
import { addInstruction } from './set.ts'
import { compileRedirect, compileUri } from './target.ts'

/** How a rewritten request goes on: next instruction; new location; same location. */
type Flag = 'none' | 'last' | 'break'

/** `rewrite REGEX REPLACEMENT [last|break|redirect|permanent]` */
export function addRewrite(cf: ConfigCursor, own: Partial<RewriteConf>): void {
  const [, pattern = '', replacement = '', word] = cf.args
  const match = compileMatcher(cf, pattern, false)
  if (replacement === '') cf.fail('empty replacement')
  let status = isAbsoluteUrl(replacement) ? 302 : 0
  let flag: Flag = 'none'
  if (word === 'redirect') status = 302
  else if (word === 'permanent') status = 301
  else if (word === 'last' || word === 'break') flag = word
  else if (word !== undefined) cf.fail(`invalid parameter "${word}"`)

  // A question mark at the end says: without the arguments that the request came with.
  const keepArgs = !replacement.endsWith('?')
  const text = keepArgs ? replacement : replacement.slice(0, -1)
  if (status !== 0) addRedirect(cf, own, match, text, keepArgs, status)
  else addUriChange(cf, own, match, text, keepArgs, flag)
}

type Matcher = ReturnType<typeof compileMatcher>

function addRedirect(
  cf: ConfigCursor,
  own: Partial<RewriteConf>,
  match: Matcher,
  text: string,
  keepArgs: boolean,
  status: number,
): void {
  const targetOf = compileRedirect(cf, text)
  const joint = text.includes('?') ? '&' : '?'
  addInstruction(own, (r, logs) => {
    const isLogged = logs(r)
    if (!match(r, r.uri, isLogged)) return NEXT
    let url = targetOf(r)
    if (keepArgs && r.args !== '') url += joint + r.args
    if (isLogged) r.log(NOTICE, `rewritten redirect: "${url}"`)
    setLocation(r, url)
    return status
  })
}

function addUriChange(
  cf: ConfigCursor,
  own: Partial<RewriteConf>,
  match: Matcher,
  text: string,
  keepArgs: boolean,
  flag: Flag,
): void {
  const targetOf = compileUri(cf, text)
  addInstruction(own, (r, logs) => {
    const isLogged = logs(r)
    if (!match(r, r.uri, isLogged)) return NEXT
    const { uri, args } = targetOf(r)
    r.args = joinArgs(args, keepArgs ? r.args : '')
    if (isLogged) r.log(NOTICE, `rewritten data: "${uri}", args: "${r.args}"`)
    return changeUri(r, uri, flag)
  })
}

/** `own` undefined = the replacement says nothing of arguments. */
function joinArgs(own: string | undefined, old: string): string {
  if (own === undefined) return old
  return old === '' ? own : `${own}&${old}`
}

function changeUri(r: HttpRequest, uri: string, flag: Flag): PhaseResult {
  r.internal = true
  r.validUnparsedUri = false
  if (flag === 'break') {
    r.validLocation = false
    r.uriChanged = false
  } else r.uriChanged = true
  if (uri === '') {
    r.logError('the rewritten URI has a zero length')
    return 500
  }
  r.uri = uri
  return flag === 'none' ? NEXT : STOP
}
