// The head of an HTTP/1 response as one latin1 string, fields in nginx's order (spec http-core.md §6.2). Decides what
// depends on the whole head: chunked or not, and whether the connection lives on.

import { httpDate } from '../../log/times.ts'
import type { CoreConf } from '../core_conf.ts'
import { HTTP_1_1, type HttpRequest } from '../request.ts'
import { serverToken } from '../server_token.ts'
import { statusLine } from '../status.ts'

/** Fills r.status, r.keepAlive, r.chunkedOut and returns the head, its empty line included. */
export function responseHead(r: HttpRequest): string {
  if (r.errStatus !== 0 && r.errStatus !== r.status) {
    r.status = r.errStatus
    r.statusLine = ''
  }
  if (isPlain(r)) return plainHead(r)
  return makeHead(r)
}

/** Made from the location's settings and a few facts, with a length and nothing of its own: a refusal, a built-in page. */
function isPlain({ out, statusLine }: HttpRequest): boolean {
  return (
    out.lines === '' &&
    statusLine === '' &&
    out.contentLength >= 0 &&
    out.etag === '' &&
    out.location === '' &&
    out.lastModified < 0 &&
    !out.acceptRanges &&
    out.server === undefined &&
    out.date === undefined &&
    out.trailers === undefined
  )
}

/** The last plain head and what it was made of. Under an attack they are all the same for a second. */
const last = {
  head: '',
  core: undefined as Readonly<CoreConf> | undefined,
  status: 0,
  keepAlive: false,
  contentType: '',
  contentLength: -1,
  date: '',
}

function plainHead(r: HttpRequest): string {
  const { out, status, keepAlive } = r
  const { core } = r.location
  const date = httpDate()
  if (
    last.core === core &&
    last.status === status &&
    last.contentLength === out.contentLength &&
    last.keepAlive === keepAlive &&
    last.contentType === out.contentType &&
    last.date === date
  ) {
    return last.head
  }
  last.head = makeHead(r)
  last.core = core
  last.status = status
  last.keepAlive = keepAlive
  last.contentType = out.contentType
  last.contentLength = out.contentLength
  last.date = date
  return last.head
}

function makeHead(r: HttpRequest): string {
  const { out, status } = r
  const { core } = r.location
  let head = `HTTP/1.1 ${r.statusLine === '' ? statusLine(status) : r.statusLine}\r\n`
  if (out.server === undefined) head += serverLine(core.serverTokens)
  else if (out.server !== '') head += `Server: ${out.server}\r\n`
  if (out.date === undefined) head += dateLine()
  else if (out.date !== '') head += `Date: ${out.date}\r\n`
  const bodiless = status === 204 || status === 304 || (status >= 100 && status < 200)
  if (out.trailers !== undefined) makeRoomForTrailers(r, bodiless)
  if (!bodiless) {
    if (out.contentType !== '') head += `Content-Type: ${out.contentType}\r\n`
    if (out.contentLength >= 0) head += `Content-Length: ${out.contentLength}\r\n`
  }
  if (out.lastModified >= 0 && (status === 200 || status === 206 || status === 304))
    head += `Last-Modified: ${dateText(out.lastModified)}\r\n`
  const madeAbsolute = core.absoluteRedirect && out.location.startsWith('/')
  if (madeAbsolute) head += `Location: ${absoluteLocation(r, out.location)}\r\n`
  if (!bodiless && out.contentLength < 0) {
    if (r.method === 'HEAD') {
      // No body, so nothing to delimit.
    } else if (r.httpVersion >= HTTP_1_1 && core.chunkedTransferEncoding) {
      r.chunkedOut = true
      head += 'Transfer-Encoding: chunked\r\n'
    } else r.keepAlive = false
  }
  if (status === 101) head += 'Connection: upgrade\r\n'
  else if (r.keepAlive) {
    head += 'Connection: keep-alive\r\n'
    if (core.keepaliveHeader > 0) head += `Keep-Alive: timeout=${core.keepaliveHeader}\r\n`
  } else head += 'Connection: close\r\n'
  if (!madeAbsolute && out.location !== '') head += `Location: ${out.location}\r\n`
  if (out.etag !== '') head += `ETag: ${out.etag}\r\n`
  head += out.lines
  if (out.acceptRanges) head += 'Accept-Ranges: bytes\r\n'
  return `${head}\r\n`
}

/** Trailers need a chunked body, whose length is not told; where there can be none they are dropped. */
function makeRoomForTrailers(r: HttpRequest, bodiless: boolean): void {
  const { out } = r
  if (bodiless || r.method === 'HEAD' || r.httpVersion < HTTP_1_1 || !r.location.core.chunkedTransferEncoding) {
    out.trailers = undefined
  } else out.contentLength = -1
}

const serverLines = {
  on: `Server: ${serverToken('on')}\r\n`,
  off: `Server: ${serverToken('off')}\r\n`,
  build: `Server: ${serverToken('build')}\r\n`,
}

function serverLine(tokens: 'on' | 'off' | 'build'): string {
  return serverLines[tokens]
}

let dateOf = ''
let dateCache = ''

function dateLine(): string {
  const now = httpDate()
  if (now !== dateOf) {
    dateOf = now
    dateCache = `Date: ${now}\r\n`
  }
  return dateCache
}

let lastSeconds = -1
let lastText = ''

/** HTTP date of a moment in seconds; the last one is kept, since a popular file is asked for again. */
export function dateText(epochSeconds: number): string {
  if (epochSeconds !== lastSeconds) {
    lastSeconds = epochSeconds
    lastText = new Date(epochSeconds * 1000).toUTCString()
  }
  return lastText
}

/** A target that begins with `/` with scheme, host and port before it. */
function absoluteLocation(r: HttpRequest, location: string): string {
  const { core } = r.location
  const { connection } = r
  const host = (core.serverNameInRedirect ? r.server.name : r.host) || r.server.name || bracketed(connection.localAddr)
  const port = connection.localPort
  const isDefault = port === (connection.ssl ? 443 : 80) || port === 0 || !core.portInRedirect
  return `${connection.ssl ? 'https' : 'http'}://${host}${isDefault ? '' : `:${port}`}${location}`
}

function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('unix:') ? `[${address}]` : address
}
