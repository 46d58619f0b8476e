// return: ends the request with a status, a text or a redirect.

import type { ConfigCursor } from '../../config/types.ts'
import { parseInteger } from '../../config/units.ts'
import { contentTypeOf } from '../../http/content_type.ts'
import type { PhaseResult } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'
import { sendText } from '../../http/send.ts'
import { compileValue, type Value } from '../../http/value.ts'
import type { RewriteConf } from './index.ts'
import { addInstruction } from './set.ts'

const MAX_CODE = 999
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** `return CODE [TEXT | URL]` or `return URL` */
export function addReturn(cf: ConfigCursor, own: Partial<RewriteConf>): void {
  const [, word = '', text] = cf.args
  const code = parseInteger(word)
  if (code === undefined && (text !== undefined || !isAbsoluteUrl(word))) cf.fail(`invalid return code "${word}"`)
  if (code === undefined) {
    const url = compileValue(cf, word)
    addInstruction(own, (r) => redirect(r, 302, url))
    return
  }
  if (code > MAX_CODE) cf.fail(`invalid return code "${word}"`)
  const value = text === undefined || text === '' ? undefined : compileValue(cf, text)
  // An error without a text is the location's error page or the built-in one; 444 is handled where requests end.
  if (value === undefined && code >= 400) addInstruction(own, () => code)
  else if (REDIRECTS.has(code)) addInstruction(own, (r) => redirect(r, code, value))
  else addInstruction(own, (r) => answer(r, code, value))
}

export function isAbsoluteUrl(text: string): boolean {
  return text.startsWith('http://') || text.startsWith('https://') || text.startsWith('$scheme')
}

function redirect(r: HttpRequest, code: number, url: Value | undefined): PhaseResult {
  const target = url?.get(r) ?? ''
  // Not a target, so not the one that the core completes: the line is as empty as it was asked for.
  if (target === '') r.out.add('Location', '')
  else setLocation(r, target)
  return code
}

/** Sets the target of a redirect. A line break in it, out of a decoded URI, would let the client write our headers. */
export function setLocation(r: HttpRequest, url: string): void {
  r.out.location = /[\r\n\0]/.test(url)
    ? url.replace(/[\r\n\0]/g, (c) => `%${c === '\0' ? '00' : c === '\n' ? '0A' : '0D'}`)
    : url
}

function answer(r: HttpRequest, code: number, text: Value | undefined): PhaseResult {
  return sendText(r, code, contentTypeOf(r), text?.get(r) ?? '')
}
