// From a parsed head to a request: target, host, framing, keep-alive, in nginx's order of checks (spec http-core.md §3,
// §4). Everything that two parsers could understand differently is refused here.

import { INFO } from '../../log/levels.ts'
import * as names from '../../net/header_names.ts'
import type { HttpAddress } from '../addresses.ts'
import { HTTP_1_0, HTTP_1_1, type HttpRequest } from '../request.ts'
import { normalizeUri } from '../uri.ts'
import type { RequestHead } from './request_head.ts'

/** What is wrong: a status and nginx's words for the info log. */
export interface Refusal {
  readonly status: number
  readonly message: string
}

const PROTOCOLS: Readonly<Record<number, string>> = { 9: '', 1000: 'HTTP/1.0', 1001: 'HTTP/1.1' }

/** Copies the request line into `r`. Safe for heads that are broken further on. */
export function setRequestLine(r: HttpRequest, head: RequestHead, text: string): void {
  r.requestLine = text.slice(0, head.lineEnd)
  r.method = text.slice(0, head.methodEnd)
  r.httpVersion = head.version
  r.protocol = PROTOCOLS[head.version] ?? `HTTP/1.${head.version % 1000}`
}

/** Checks in nginx's order: target, fields and host, virtual server, framing. `r.fields` has its text. */
export function prepareRequest(r: HttpRequest, head: RequestHead, address: HttpAddress): Refusal | undefined {
  const { mergeSlashes } = address.defaultServer.location.core
  const refusal = setTarget(r, head, r.fields.text, mergeSlashes) ?? checkFields(r, head)
  if (refusal !== undefined) return refusal
  if (!address.single) {
    const server = address.names.find(r.host, r) ?? address.defaultServer
    r.server = server
    r.location = server.location
  }
  return setFraming(r)
}

/** A request that is malformed: nothing of it reaches a handler, and nothing behind it is trusted. */
export function refuseRequest(r: HttpRequest, refusal: Refusal, inHeaders: boolean): void {
  r.keepAlive = false
  r.action = readingAction(inHeaders)
  // nginx looks at a line before it reads what follows: its messages do not name the host.
  if (!inHeaders) r.fields.reset()
  r.log(INFO, refusal.message)
  r.action = ''
  r.finalize(refusal.status)
}

/** What a connection was doing when its head failed, for the error log. */
export function readingAction(inHeaders: boolean): string {
  return inHeaders ? 'reading client request headers' : 'reading client request line'
}

/** Names the lines that ignore_invalid_headers has dropped. */
export function logDropped(r: HttpRequest, head: RequestHead): void {
  if (head.dropped === undefined) return
  for (const text of head.dropped) r.log(INFO, `client sent invalid header line: "${text}"`)
}

/** Target and normalised URI. `mergeSlashes` is the default server's. */
function setTarget(r: HttpRequest, head: RequestHead, text: string, mergeSlashes: boolean): Refusal | undefined {
  const target = text.slice(head.pathStart, head.targetEnd)
  const query = target.startsWith('/') || target === '' ? target : `/${target}`
  r.unparsedUri = query === '' ? '/' : query
  const uri = normalizeUri(r.unparsedUri, mergeSlashes)
  if (uri === undefined) return { status: 400, message: 'client sent invalid request' }
  r.uri = uri.uri
  r.args = uri.args
  r.quotedUri = uri.quoted
  return undefined
}

/** Fields that may occur once. */
const SINGLE = new Uint8Array(names.HEADER_IDS)
for (const id of [
  names.IF_MODIFIED_SINCE,
  names.IF_UNMODIFIED_SINCE,
  names.IF_MATCH,
  names.IF_NONE_MATCH,
  names.CONTENT_LENGTH,
  names.CONTENT_RANGE,
  names.IF_RANGE,
  names.TRANSFER_ENCODING,
  names.EXPECT,
  names.AUTHORIZATION,
  names.PROXY_AUTHORIZATION,
  names.HOST,
]) {
  SINGLE[id] = 1
}

/** Duplicates and the host. Comes before the virtual server is chosen. */
function checkFields(r: HttpRequest, head: RequestHead): Refusal | undefined {
  const { fields } = r
  for (let i = fields.repeats ? 0 : fields.count; i < fields.count; i++) {
    const id = fields.id(i)
    if (SINGLE[id] === 1 && fields.first(id) !== i) {
      if (id === names.HOST)
        return bad(`client sent duplicate host header: "${line(r, i)}", previous value: "${line(r, fields.first(id))}"`)
      return bad(`client sent duplicate header line: "${line(r, i)}", previous value: "${line(r, fields.first(id))}"`)
    }
  }
  const header = fields.known(names.HOST)
  if (header !== undefined) {
    const host = hostOf(header)
    if (host === undefined) return bad('client sent invalid host header')
    r.host = host.name
    r.hostPort = host.port
  }
  if (head.hostEnd > head.hostStart) {
    const host = hostOf(fields.text.slice(head.hostStart, head.hostEnd))
    if (host === undefined) return bad('client sent invalid host in request line')
    r.host = host.name
    r.hostPort = host.port
  }
  return undefined
}

/** Presence of Host, framing, methods that are never served; keep-alive and Expect. */
function setFraming(r: HttpRequest): Refusal | undefined {
  const { fields } = r
  if (r.httpVersion >= HTTP_1_1 && fields.first(names.HOST) < 0) {
    return bad('client sent HTTP/1.1 request without "Host" header')
  }
  const length = fields.known(names.CONTENT_LENGTH)
  if (length !== undefined) {
    if (!/^\d+$/.test(length) || Number(length) > Number.MAX_SAFE_INTEGER) {
      return bad('client sent invalid "Content-Length" header')
    }
    r.contentLengthIn = Number(length)
  }
  const encoding = fields.known(names.TRANSFER_ENCODING)
  if (encoding !== undefined) {
    if (r.httpVersion < HTTP_1_1) return bad('client sent HTTP/1.0 request with "Transfer-Encoding" header')
    if (encoding.toLowerCase() !== 'chunked') {
      return { status: 501, message: `client sent unknown "Transfer-Encoding": "${encoding}"` }
    }
    if (length !== undefined) {
      return bad('client sent "Content-Length" and "Transfer-Encoding" headers at the same time')
    }
    r.chunkedIn = true
  }
  if (r.method === 'CONNECT') return { status: 405, message: 'client sent CONNECT method' }
  if (r.method === 'TRACE') return { status: 405, message: 'client sent TRACE method' }
  setKeepAlive(r)
  const expect = fields.first(names.EXPECT)
  if (expect >= 0 && r.httpVersion >= HTTP_1_1) {
    r.expectContinue = fields.value(expect).toLowerCase() === '100-continue'
  }
  return undefined
}

function setKeepAlive(r: HttpRequest): void {
  const { fields } = r
  r.keepAlive = r.httpVersion > HTTP_1_0
  for (let i = fields.first(names.CONNECTION); i >= 0 && i < fields.count; i++) {
    if (fields.id(i) !== names.CONNECTION) continue
    const value = fields.value(i).toLowerCase()
    if (value.includes('close')) r.keepAlive = false
    else if (value.includes('keep-alive')) r.keepAlive = true
  }
}

const HOST_NAME = /^[A-Za-z0-9\-._~!$&'()*+,;=%]+$/
const HOST_V6 = /^\[[0-9A-Fa-f:.]+\]$/

interface Host {
  /** Lower-cased, without one trailing dot. */
  readonly name: string
  readonly port: string
}

const MAX_KNOWN_HOSTS = 1000
const MAX_KNOWN_LENGTH = 256
/** Hosts that were parsed before: a server is asked for the same few names. Emptied when somebody sends many. */
const knownHosts = new Map<string, Host>()

let lastText = ''
let lastHost: Host | undefined

function hostOf(value: string): Host | undefined {
  // A browser on a busy connection asks for the same host each time: comparing is cheaper than hashing.
  if (value === lastText) return lastHost
  const known = knownHosts.get(value)
  if (known !== undefined) return remember(value, known)
  // A copy: the value is a slice of its whole head, which would stay with it.
  const copy = Buffer.from(value, 'latin1').latin1Slice()
  const host = parseHost(copy)
  if (host !== undefined && copy.length < MAX_KNOWN_LENGTH) {
    if (knownHosts.size >= MAX_KNOWN_HOSTS) knownHosts.clear()
    knownHosts.set(copy, host)
  }
  return host
}

function remember(text: string, host: Host): Host {
  lastText = text
  lastHost = host
  return host
}

/** undefined = refused. */
function parseHost(value: string): Host | undefined {
  const colon = value.endsWith(']') ? -1 : value.lastIndexOf(':')
  let name = colon < 0 ? value : value.slice(0, colon)
  const port = colon < 0 ? '' : value.slice(colon + 1)
  if (port !== '' && (!/^\d{1,5}$/.test(port) || Number(port) > 65535)) return undefined
  if (name.includes('..') || !(HOST_NAME.test(name) || HOST_V6.test(name))) return undefined
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (name === '') return undefined
  return { name: name.toLowerCase(), port }
}

function bad(message: string): Refusal {
  return { status: 400, message }
}

function line(r: HttpRequest, index: number): string {
  return `${r.fields.name(index)}: ${r.fields.value(index)}`
}
