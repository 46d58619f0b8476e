// Header lines of the request to the upstream (spec proxy.md §3), compiled per location: what is constant is one string,
// what the client sent and nobody replaces is copied in runs, as the bytes it came in.

import type { HttpRequest } from '../../http/request.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import { HEADER_IDS, hashName, headerId, UNKNOWN } from '../../net/header_names.ts'
import { cleanValue } from './clean.ts'
import type { ProxyConf } from './conf.ts'

/** `bodyLength` is -1 when there is no body to be announced; `chunked`: its length is not known. */
export type LinesWriter = (r: HttpRequest, proxyHost: string, bodyLength: number, chunked: boolean) => string

/** Headers of the client that never pass unless proxy_set_header sends them, and those that we write. */
const OURS = [
  'host',
  'connection',
  'proxy-connection',
  'te',
  'keep-alive',
  'expect',
  'upgrade',
  'content-length',
  'transfer-encoding',
]

/** A header whose value is known per request only, or text that is always the same. */
interface Piece {
  readonly text: string
  readonly get: ((r: HttpRequest) => string) | undefined
}

export function compileLines(conf: Readonly<ProxyConf>): LinesWriter {
  const { setHeaders } = conf
  const host = setHeaders.find(({ lowerName }) => lowerName === 'host')?.value
  const withDefaultHost = conf.httpVersion !== '1.0'
  const pieces = compilePieces(conf)
  const isSet = (name: string): boolean => setHeaders.some(({ lowerName }) => lowerName === name)
  const writesLength = !isSet('content-length')
  const writesEncoding = !isSet('transfer-encoding')
  const replaced = new ReplacedNames([...OURS, ...setHeaders.map(({ lowerName }) => lowerName)])
  const { passRequestHeaders } = conf
  return (r, proxyHost, bodyLength, chunked) => {
    let lines = ''
    if (host === undefined) lines = `Host: ${proxyHost}\r\n`
    else {
      const value = cleanValue(host.get(r))
      if (value !== '') lines = `Host: ${value}\r\n`
      else if (withDefaultHost) lines = `Host: ${proxyHost}\r\n`
    }
    for (let i = 0; i < pieces.length; i++) {
      const { text, get } = pieces[i] as Piece
      if (get === undefined) lines += text
      else {
        const value = get(r)
        if (value !== '') lines += `${text}${cleanValue(value)}\r\n`
      }
    }
    if (bodyLength >= 0 && writesLength) lines += `Content-Length: ${bodyLength}\r\n`
    if (chunked && writesEncoding) lines += 'Transfer-Encoding: chunked\r\n'
    return passRequestHeaders ? lines + replaced.rest(r.fields) : lines
  }
}

function compilePieces(conf: Readonly<ProxyConf>): Piece[] {
  const pieces: Piece[] = []
  let constant = ''
  const flush = (): void => {
    if (constant !== '') pieces.push({ text: constant, get: undefined })
    constant = ''
  }
  for (const { name, lowerName, value } of conf.setHeaders) {
    if (lowerName === 'host') continue
    if (value.constant !== undefined) {
      if (value.constant !== '') constant += `${name}: ${value.constant}\r\n`
      continue
    }
    flush()
    pieces.push({ text: `${name}: `, get: value.get })
  }
  flush()
  return pieces
}

/** A set of header names, looked up by the scanner's ids and hashes. */
export class ReplacedNames {
  readonly #byId = new Uint8Array(HEADER_IDS)
  /** Hashes and names of the others; undefined = there are none. */
  readonly #hashes: ReadonlySet<number> | undefined
  readonly #names: ReadonlySet<string>

  constructor(lowerNames: readonly string[]) {
    const others = new Set<string>()
    for (const name of lowerNames) {
      const id = headerId(name)
      if (id === UNKNOWN) others.add(name)
      else this.#byId[id] = 1
    }
    this.#names = others
    this.#hashes = others.size === 0 ? undefined : new Set([...others].map(hashName))
  }

  has(fields: HeaderFields, index: number): boolean {
    const id = fields.id(index)
    if (id !== UNKNOWN) return this.#byId[id] === 1
    const hashes = this.#hashes
    return hashes?.has(fields.hash(index)) === true && this.#names.has(fields.name(index).toLowerCase())
  }

  /** The lines of all other fields, in their order. */
  rest(fields: HeaderFields): string {
    const { count, text } = fields
    let lines = ''
    let runStart = 0
    let runEnd = 0
    for (let i = 0; i < count; i++) {
      if (this.has(fields, i)) continue
      const start = fields.lineStart(i)
      // A line that is left out, or that is not written as we would, ends the run.
      if (start !== runEnd || !fields.isCanonical(i)) {
        if (runEnd > runStart) lines += text.substring(runStart, runEnd)
        runStart = start
        runEnd = start
      }
      if (fields.isCanonical(i)) runEnd = fields.lineEnd(i)
      else lines += `${fields.name(i)}: ${fields.value(i)}\r\n`
    }
    return runEnd > runStart ? lines + text.substring(runStart, runEnd) : lines
  }
}
