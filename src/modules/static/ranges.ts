// Range requests (spec http-core.md §7.2): which bytes are asked for, whether that is worth more than the whole, and the
// head and frame of the answer.

import type { HttpRequest } from '../../http/request.ts'
import { IF_RANGE, RANGE } from '../../net/header_names.ts'
import { type BodyPart, wholeFile } from './file_body.ts'
import { parseHttpDate } from './http_date.ts'

/** `start` to before `end`. */
interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The parts of the body for a 200 that `r.out` describes already; turns it into 206 when a part of the file is wanted.
 * undefined = 416 with its Content-Range.
 */
export function applyRanges(r: HttpRequest, modifiedSec: number): BodyPart[] | undefined {
  const { out } = r
  const length = out.contentLength
  const { maxRanges } = r.location.core
  if (maxRanges === 0 || r.httpVersion < 1000) return wholeFile(length)

  const header = r.fields.known(RANGE)
  const wanted =
    header !== undefined && header.length >= 7 && /^bytes=/i.test(header) && ifRangeHolds(r, modifiedSec)
      ? parseRanges(header.slice('bytes='.length), length, maxRanges)
      : 'whole'
  if (wanted === 'whole') {
    out.acceptRanges = true
    return wholeFile(length)
  }
  const [only] = wanted
  if (only === undefined) {
    out.add('Content-Range', `bytes */${length}`)
    return undefined
  }
  r.status = 206
  if (wanted.length > 1) return multipart(r, wanted, length)
  out.add('Content-Range', contentRange(only, length))
  return [{ kind: 'file', ...only }]
}

/** If-Range: the range counts only for the entity that the client has the rest of. */
function ifRangeHolds(r: HttpRequest, modifiedSec: number): boolean {
  const value = r.fields.known(IF_RANGE)
  if (value === undefined) return true
  if (value.length >= 2 && value.endsWith('"')) return value === r.out.etag
  return parseHttpDate(value) === modifiedSec
}

/** Asking for more than the whole, or for overlapping crumbs of it, is answered with the whole: each range costs a frame. */
const FRAME_BYTES = 256
const FRAME_ALLOWANCE_BYTES = 4096

/** The ranges that exist in the file; none = 416. */
function parseRanges(text: string, length: number, maxRanges: number): readonly ByteRange[] | 'whole' {
  const ranges: ByteRange[] = []
  let total = 0
  for (const word of text.split(',')) {
    const range = parseRange(word, length)
    if (range === undefined) return []
    if (range.start < range.end) {
      if (ranges.length === maxRanges) return 'whole'
      ranges.push(range)
      total += range.end - range.start
    } else if (range.start === 0) return 'whole'
  }
  if (total > length) return 'whole'
  if (maxRanges === Number.POSITIVE_INFINITY && total + FRAME_BYTES * ranges.length > length + FRAME_ALLOWANCE_BYTES) {
    return 'whole'
  }
  return ranges
}

/** `first-last`, `first-` or `-count`; undefined for anything else. What is behind the end of the file is cut off. */
function parseRange(word: string, length: number): ByteRange | undefined {
  const [, first, last] = /^ *(\d*) *- *(\d*) *$/.exec(word) ?? []
  if (first === undefined || last === undefined || first.length > 18 || last.length > 18) return undefined
  if (first === '') {
    if (last === '') return undefined
    return { start: Math.max(0, length - Number(last)), end: length }
  }
  const end = last === '' ? length : Math.min(length, Number(last) + 1)
  return { start: Number(first), end }
}

function contentRange({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`
}

let boundaryCounter = 0

/** Each range becomes a part with a head of its own, as in a multipart mail. */
function multipart({ out }: HttpRequest, ranges: readonly ByteRange[], length: number): BodyPart[] {
  const boundary = String(++boundaryCounter).padStart(20, '0')
  const type = out.contentType === '' ? '' : `Content-Type: ${out.contentType}\r\n`
  out.contentType = `multipart/byteranges; boundary=${boundary}`
  const parts: BodyPart[] = ranges.flatMap((range): BodyPart[] => [
    { kind: 'text', text: `\r\n--${boundary}\r\n${type}Content-Range: ${contentRange(range, length)}\r\n\r\n` },
    { kind: 'file', ...range },
  ])
  parts.push({ kind: 'text', text: `\r\n--${boundary}--\r\n` })
  return parts
}
