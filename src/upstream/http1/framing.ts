// How the body of a response is delimited, and whether the connection may be used again: decided from the head, once.
// What contradicts itself is refused, never interpreted.

import type { HeaderFields } from '../../net/header_fields.ts'
import { CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING } from '../../net/header_names.ts'

/** Nothing follows the head. */
export const NO_BODY = 0
export const BY_LENGTH = 1
export const BY_CHUNKS = 2
export const UNTIL_CLOSE = 3

/** The last decision; one object, since deciding is synchronous. */
export const framing = {
  body: NO_BODY,
  /** Content-Length, or -1; also given for HEAD and 304, where no body follows. */
  contentLength: -1,
  /** The peer allows another request. */
  keepAlive: false,
}

/** Decides into `framing`. Returns '' or what is wrong with the head, in the words of the error log. */
export function decideFraming(fields: HeaderFields, status: number, version: number, headOnly: boolean): string {
  framing.contentLength = -1
  framing.keepAlive = version >= 1001 && !saysClose(fields)
  let chunked = false
  const encoding = fields.first(TRANSFER_ENCODING)
  const length = fields.first(CONTENT_LENGTH)
  if (encoding >= 0) {
    const second = nextOf(fields, TRANSFER_ENCODING, encoding)
    if (second >= 0) return duplicate(fields, encoding, second)
    if (length >= 0) return 'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time'
    const value = fields.value(encoding)
    if (value.toLowerCase() !== 'chunked') return `upstream sent unknown "Transfer-Encoding": "${value}"`
    chunked = true
  }
  if (length >= 0) {
    const second = nextOf(fields, CONTENT_LENGTH, length)
    if (second >= 0) return duplicate(fields, length, second)
    const value = parseLength(fields.value(length))
    if (value < 0) {
      return `upstream sent invalid "Content-Length" header: "${fields.name(length)}: ${fields.value(length)}"`
    }
    framing.contentLength = value
  }
  if (headOnly || status === 204 || status === 304) framing.body = NO_BODY
  else if (chunked) framing.body = BY_CHUNKS
  else if (framing.contentLength >= 0) framing.body = framing.contentLength === 0 ? NO_BODY : BY_LENGTH
  else {
    framing.body = UNTIL_CLOSE
    framing.keepAlive = false
  }
  if (status === 101) framing.keepAlive = false
  return ''
}

function saysClose(fields: HeaderFields): boolean {
  const first = fields.first(CONNECTION)
  if (first < 0) return false
  for (let i = first; i >= 0; i = nextOf(fields, CONNECTION, i)) {
    if (fields.value(i).toLowerCase().includes('close')) return true
  }
  return false
}

function nextOf(fields: HeaderFields, id: number, after: number): number {
  for (let i = after + 1; i < fields.count; i++) {
    if (fields.id(i) === id) return i
  }
  return -1
}

function duplicate(fields: HeaderFields, first: number, second: number): string {
  return (
    `upstream sent duplicate header line: "${fields.name(second)}: ${fields.value(second)}", ` +
    `previous value: "${fields.name(first)}: ${fields.value(first)}"`
  )
}

/** Decimal digits only; -1 = anything else, or too large to be counted exactly. */
function parseLength(text: string): number {
  if (text === '') return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
    if (value > Number.MAX_SAFE_INTEGER) return -1
  }
  return value
}
