// The replacement of a rewrite: text, variables and captures become a new URI or the URL of a redirect. Captures come out
// of the decoded URI; where they end up in an encoded place (arguments, a Location) they are encoded again.

import type { ConfigCursor } from '../../config/types.ts'
import type { HttpRequest } from '../../http/request.ts'
import { parseParts } from '../../http/value.ts'

interface Target {
  readonly uri: string
  /** undefined = the replacement has no question mark. */
  readonly args: string | undefined
}

/** For a change inside: path and arguments apart. */
export function compileUri(cf: ConfigCursor, text: string): (r: HttpRequest) => Target {
  const question = text.indexOf('?')
  if (question < 0) {
    const uriOf = compileText(cf, text, false)
    return (r) => ({ uri: uriOf(r), args: undefined })
  }
  const uriOf = compileText(cf, text.slice(0, question), false)
  const argsOf = compileText(cf, text.slice(question + 1), true)
  return (r) => ({ uri: uriOf(r), args: argsOf(r) })
}

/** For a redirect of the client: one URL. */
export function compileRedirect(cf: ConfigCursor, text: string): (r: HttpRequest) => string {
  const urlOf = compileText(cf, text, true)
  return (r) => unescapeVisible(urlOf(r))
}

type Reader = (r: HttpRequest) => string

function compileText(cf: ConfigCursor, text: string, isEncoded: boolean): Reader {
  const readers = parseParts(cf, text).map((part): Reader => {
    if (typeof part === 'string') return () => part
    if (typeof part === 'object') return (r) => part.get(r) ?? ''
    if (!isEncoded) return (r) => r.captures?.[part] ?? ''
    return (r) => {
      const capture = r.captures?.[part] ?? ''
      return cameEncoded(r) ? escapeArgs(capture) : capture
    }
  })
  return (r) => {
    let result = ''
    for (const read of readers) result += read(r)
    return result
  }
}

/** A URI without %XX and + is the same encoded and decoded, or the client did not care. */
function cameEncoded(r: HttpRequest): boolean {
  return r.quotedUri || r.unparsedUri.includes('+')
}

/** Bytes that mean something in arguments, or may not be there: nginx's class ARGS. */
const ESCAPE_ARGS = /[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]/g

function escapeArgs(text: string): string {
  return text.replace(ESCAPE_ARGS, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** Decodes what needs no encoding in a URL's path, so that a capture does not look stranger than it came. */
function unescapeVisible(url: string): string {
  const question = url.indexOf('?')
  const path = question < 0 ? url : url.slice(0, question)
  if (!path.includes('%')) return url
  let stop = false
  const decoded = path.replace(/%([0-9a-fA-F]{2})/g, (text, hex: string) => {
    const code = Number.parseInt(hex, 16)
    // From a question mark on it is arguments, whichever way that was written.
    if (stop || code <= 0x25 || code >= 0x7f) return text
    if (code === 0x3f) stop = true
    return String.fromCharCode(code)
  })
  return question < 0 ? decoded : decoded + url.slice(question)
}
