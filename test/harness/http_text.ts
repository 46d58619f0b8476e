// A small, strict reader of HTTP/1 text for tests: what it cannot read is a failure of the sender. Latin1 strings, one
// char = one byte. No dependency on sluice's own codec: a test must not trust what it tests.

export interface HeaderLine {
  readonly name: string
  readonly value: string
}

export interface HttpResponse {
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly headers: readonly HeaderLine[]
  /** Body with its framing removed. */
  readonly body: string
  /** How the end of the body was found. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Sizes of the chunks as sent. */
  readonly chunks: readonly number[]
  /** False when the connection ended before the body did. */
  readonly complete: boolean
  /** Value of the first header of that name (any case), or undefined. */
  header(name: string): string | undefined
}

export interface HttpRequestText {
  readonly method: string
  readonly target: string
  readonly version: string
  /** The request line and all header lines as received. */
  readonly head: string
  readonly headers: readonly HeaderLine[]
  readonly body: string
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  header(name: string): string | undefined
}

/** A message and what follows it; undefined while bytes are missing. */
export type Parsed<T> = { readonly message: T; readonly rest: string } | undefined

interface Head {
  readonly start: string
  readonly headers: readonly HeaderLine[]
  readonly text: string
  readonly rest: string
}

function parseHead(text: string): Head | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [start = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ ]?([^\r\n\0]*)$/.exec(line)
    if (match === null) throw new Error(`malformed header line ${JSON.stringify(line)}`)
    return { name: match[1] ?? '', value: match[2] ?? '' }
  })
  return { start, headers, text: text.slice(0, end + 4), rest: text.slice(end + 4) }
}

function headerValue(headers: readonly HeaderLine[], name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name.toLowerCase())?.value
}

interface Body {
  readonly body: string
  readonly chunks: readonly number[]
  readonly complete: boolean
  readonly rest: string
}

function lengthBody(text: string, length: number): Body {
  return { body: text.slice(0, length), chunks: [], complete: text.length >= length, rest: text.slice(length) }
}

function chunkedBody(text: string): Body {
  const chunks: number[] = []
  let body = ''
  let at = 0
  for (;;) {
    const match = /^([0-9a-fA-F]+)(;[^\r\n]*)?\r\n/.exec(text.slice(at, at + 1000))
    if (match === null) {
      if (/\n/.test(text.slice(at, at + 1000)))
        throw new Error(`malformed chunk size ${JSON.stringify(text.slice(at, at + 20))}`)
      return { body, chunks, complete: false, rest: '' }
    }
    const size = Number.parseInt(match[1] ?? '', 16)
    const from = at + match[0].length
    if (size === 0) {
      // Trailers, then an empty line.
      const end = text.startsWith('\r\n', from) ? from + 2 : text.indexOf('\r\n\r\n', from) + 4
      if (end < from + 2 || end > text.length) return { body, chunks, complete: false, rest: '' }
      return { body, chunks, complete: true, rest: text.slice(end) }
    }
    body += text.slice(from, from + size)
    chunks.push(size)
    at = from + size + 2
    if (text.length < at) return { body, chunks, complete: false, rest: '' }
    if (text.slice(at - 2, at) !== '\r\n') throw new Error('a chunk does not end with CRLF')
  }
}

/**
 * Reads one response from the front of `text`. `headOnly` = the answer to HEAD. `ended` = no more bytes will come: then an
 * unfinished message is returned with `complete` false instead of undefined.
 */
export function parseResponse(
  text: string,
  options: { headOnly?: boolean; ended?: boolean } = {},
): Parsed<HttpResponse> {
  const head = parseHead(text)
  if (head === undefined) {
    if (options.ended && text !== '') throw new Error(`no response: ${JSON.stringify(text.slice(0, 200))}`)
    return undefined
  }
  const line = /^HTTP\/(\d\.\d) (\d{3}) ?(.*)$/.exec(head.start)
  if (line === null) throw new Error(`malformed status line ${JSON.stringify(head.start)}`)
  const status = Number(line[2])
  const { framing, body } = responseBody(head, status, options)
  if (!body.complete && !options.ended) return undefined
  const message: HttpResponse = {
    version: line[1] ?? '',
    status,
    reason: line[3] ?? '',
    headers: head.headers,
    framing,
    body: body.body,
    chunks: body.chunks,
    complete: body.complete,
    header: (name) => headerValue(head.headers, name),
  }
  return { message, rest: body.rest }
}

function responseBody(
  head: Head,
  status: number,
  options: { headOnly?: boolean; ended?: boolean },
): { framing: HttpResponse['framing']; body: Body } {
  const empty = { body: '', chunks: [], complete: true, rest: head.rest }
  if (options.headOnly || status < 200 || status === 204 || status === 304) return { framing: 'none', body: empty }
  if (headerValue(head.headers, 'transfer-encoding') === 'chunked')
    return { framing: 'chunked', body: chunkedBody(head.rest) }
  const length = headerValue(head.headers, 'content-length')
  if (length !== undefined) return { framing: 'length', body: lengthBody(head.rest, Number(length)) }
  return { framing: 'close', body: { body: head.rest, chunks: [], complete: options.ended ?? false, rest: '' } }
}

/** All responses of a connection that has ended. `heads` says which of them answer HEAD, by index. */
export function parseResponses(text: string, heads: readonly number[] = []): HttpResponse[] {
  const responses: HttpResponse[] = []
  let rest = text
  while (rest !== '') {
    const parsed = parseResponse(rest, { ended: true, headOnly: heads.includes(responses.length) })
    if (parsed === undefined) break
    responses.push(parsed.message)
    rest = parsed.rest
  }
  return responses
}

/** Reads one request from the front of `text`; undefined while bytes are missing. */
export function parseRequest(text: string): Parsed<HttpRequestText> {
  const head = parseHead(text)
  if (head === undefined) return undefined
  const line = /^(\S+) (\S+) HTTP\/(\d\.\d)$/.exec(head.start)
  if (line === null) throw new Error(`malformed request line ${JSON.stringify(head.start)}`)
  const length = headerValue(head.headers, 'content-length')
  const chunked = headerValue(head.headers, 'transfer-encoding') === 'chunked'
  const body = chunked ? chunkedBody(head.rest) : lengthBody(head.rest, Number(length ?? 0))
  if (!body.complete) return undefined
  const message: HttpRequestText = {
    method: line[1] ?? '',
    target: line[2] ?? '',
    version: line[3] ?? '',
    head: head.text,
    headers: head.headers,
    framing: chunked ? 'chunked' : length === undefined ? 'none' : 'length',
    body: body.body,
    header: (name) => headerValue(head.headers, name),
  }
  return { message, rest: body.rest }
}

/** A request with exact bytes: `request('GET', '/x', ['Connection: close'], body)`. Host is `t.test` unless given. */
export function request(method: string, target: string, lines: readonly string[] = [], body = ''): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: t.test']
  return [`${method} ${target} HTTP/1.1`, ...host, ...lines, '', body].join('\r\n')
}

/** GET that asks the server to close afterwards. */
export function getOnce(target: string, lines: readonly string[] = []): string {
  return request('GET', target, ['Connection: close', ...lines])
}
