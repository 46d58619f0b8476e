// Responses that sluice makes by itself: error_page first, else nginx's built-in page (spec http-core.md §6.3,
// config.md §11).

import { USER_AGENT } from '../net/header_names.ts'
import type { ErrorPage } from './core_conf.ts'
import { internalRedirect, redirectToNamed } from './phases.ts'
import type { HttpRequest } from './request.ts'
import { sendHead } from './send.ts'
import { serverToken } from './server_token.ts'
import { pageTexts } from './status.ts'

/** After these the connection is not used again: its framing, or we, cannot be trusted. */
const CLOSING = new Set([400, 413, 414, 495, 496, 497, 500, 501])

/** Answers with `code`: an error page of the location, or the built-in one. */
export function sendSpecialResponse(r: HttpRequest, code: number): void {
  r.errStatus = code
  if (CLOSING.has(code)) r.keepAlive = false
  r.out.contentType = ''
  const { core } = r.location
  if (!r.errorPageUsed && core.errorPages.length > 0 && r.uriChanges > 0) {
    const page = core.errorPages.find(({ codes }) => codes.includes(code))
    if (page !== undefined) {
      if (!core.recursiveErrorPages) r.errorPageUsed = true
      sendErrorPage(r, page)
      return
    }
  }
  r.stream.discardBody()
  sendBuiltIn(r, code)
}

function sendErrorPage(r: HttpRequest, page: ErrorPage): void {
  if (page.overwrite >= 0) r.errStatus = page.overwrite
  const target = page.uri.get(r)
  if (target.startsWith('/')) {
    const question = target.indexOf('?')
    if (r.method !== 'HEAD') r.method = 'GET'
    if (question < 0) internalRedirect(r, target, '')
    else internalRedirect(r, target.slice(0, question), target.slice(question + 1))
    return
  }
  if (target.startsWith('@')) {
    redirectToNamed(r, target)
    return
  }
  if (![301, 302, 303, 307, 308].includes(r.errStatus)) r.errStatus = 302
  r.out.location = target
  r.stream.discardBody()
  sendBuiltIn(r, r.errStatus)
}

function sendBuiltIn(r: HttpRequest, code: number): void {
  if (code >= 494 && code <= 497) r.errStatus = 400
  r.status = r.errStatus
  r.statusLine = ''
  const { out } = r
  out.acceptRanges = false
  out.lastModified = -1
  out.etag = ''
  const { serverTokens, msiePadding } = r.location.core
  const isPadded = msiePadding && code >= 400 && isPaddedAgent(r)
  const body = builtInPage(isPadded ? paddedPages[serverTokens] : pages[serverTokens], code, serverTokens, isPadded)
  if (body !== '') out.contentType = 'text/html'
  out.contentLength = body.length
  sendHead(r)
  if (!r.headerOnly && body !== '') r.stream.write(body)
  r.stream.end()
}

type Tokens = 'on' | 'off' | 'build'

type Pages = (string | undefined)[]

/** Pages by code, made on first use; padded ones apart, so that each is one flat string. */
const pages: Record<Tokens, Pages> = { on: [], off: [], build: [] }
const paddedPages: Record<Tokens, Pages> = { on: [], off: [], build: [] }

/** The page of a code, '' for one that has none. */
function builtInPage(known: Pages, code: number, tokens: Tokens, isPadded: boolean): string {
  let page = known[code]
  if (page === undefined) {
    page = makePage(code, serverToken(tokens))
    if (isPadded && page !== '') page += PADDING
    known[code] = page
  }
  return page
}

function makePage(code: number, token: string): string {
  const texts = pageTexts(code)
  if (texts === undefined) return ''
  const detail = texts.detail === '' ? '' : `<center>${texts.detail}</center>\r\n`
  return (
    `<html>\r\n<head><title>${texts.title}</title></head>\r\n<body>\r\n<center><h1>${texts.heading}</h1></center>\r\n` +
    `${detail}<hr><center>${token}</center>\r\n</body>\r\n</html>\r\n`
  )
}

const PADDING = '<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n'.repeat(6)

let lastAgent: string | undefined
let lastIsPadded = false

function isPaddedAgent(r: HttpRequest): boolean {
  const agent = r.fields.known(USER_AGENT)
  if (agent === lastAgent) return lastIsPadded
  lastAgent = agent
  lastIsPadded =
    agent !== undefined && (agent.includes('Chrome/') || agent.includes('MSIE ')) && !agent.includes('Opera')
  return lastIsPadded
}
