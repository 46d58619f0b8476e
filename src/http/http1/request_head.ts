// Parsing an HTTP/1 request head: the request line, then field lines (spec http-core.md §2, §3). Resumable at line
// granularity, so a head that trickles in costs no more than one that comes at once. Offsets are relative to the head's
// first byte; the text is made once the head is complete.

import { HeaderFields, NAME_ODD, NAME_PLAIN, NAME_UNDERSCORE, SCAN_END, SCAN_INVALID } from '../../net/header_fields.ts'

export const HEAD_MORE = 0
export const HEAD_DONE = 1
export const HEAD_ERROR = 2

/** What of the configuration a head is measured against: the default server's, since the host is not known yet. */
export interface HeadLimits {
  /** Bytes of the request line, and of one field line. */
  readonly lineBytes: number
  /** Bytes of all field lines. */
  readonly totalBytes: number
  readonly maxHeaders: number
  readonly ignoreInvalidHeaders: boolean
  readonly underscoresInHeaders: boolean
}

const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const SLASH = 47
const UPPER_A = 65
const UPPER_Z = 90
const UNDERSCORE = 95
const DASH = 45

/** So much of a line that is too long goes to the log, whose own lines are bounded. */
const MAX_QUOTED_BYTES = 1748

export class RequestHead {
  readonly fields = new HeaderFields()
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  /** Path part of the target: behind the authority for the absolute form. */
  pathStart = 0
  /** Authority of the absolute form; start = end = 0 when there is none. */
  hostStart = 0
  hostEnd = 0
  /** major * 1000 + minor; 9 = no version given. A line that is refused before it tells counts as 1.0. */
  version = 1000
  /** Before CR LF. */
  lineEnd = 0
  /** Behind the last parsed line. */
  pos = 0
  lineDone = false
  // Of HEAD_ERROR:
  status = 0
  /** For the info log, nginx's words. */
  message = ''
  /** Names of lines dropped as invalid, for the log; usually empty. */
  dropped: string[] | undefined = undefined

  reset(): void {
    this.fields.reset()
    this.version = 1000
    this.pos = 0
    this.hostStart = 0
    this.hostEnd = 0
    this.methodEnd = 0
    this.targetStart = 0
    this.targetEnd = 0
    this.pathStart = 0
    this.lineEnd = 0
    this.lineDone = false
    this.status = 0
    this.message = ''
    this.dropped = undefined
  }

  /** Parses what is there; `base` is the head's first byte in `bytes`, `limit` behind the last one received. */
  parse(bytes: Buffer, base: number, limit: number, limits: HeadLimits): number {
    if (!this.lineDone) {
      const result = this.#parseLine(bytes, base, limit, limits)
      if (result !== HEAD_DONE) return result
      this.lineDone = true
      if (this.version === 9) {
        this.fields.end = this.pos
        return HEAD_DONE
      }
    }
    return this.#parseFields(bytes, base, limit, limits)
  }

  #parseFields(bytes: Buffer, base: number, limit: number, limits: HeadLimits): number {
    const { fields } = this
    const known = fields.count
    const code = fields.scan(bytes, base + this.pos, limit, base)
    if (this.#needsLook(limits)) {
      const result = this.#checkLines(known, bytes, base, limit, limits)
      if (result !== HEAD_MORE) return result
    }
    if (code === SCAN_END) {
      this.pos = fields.end
      return HEAD_DONE
    }
    this.pos = fields.next
    const start = base + this.pos
    if (code === SCAN_INVALID) {
      const text = bytes.latin1Slice(start, base + fields.end)
      const byte = (bytes[base + fields.end] ?? 0).toString(16).padStart(2, '0')
      return this.#fail(400, `client sent invalid header line: "${text}\\x${byte}..."`)
    }
    if (limit - start > limits.lineBytes) return this.#tooLongField(bytes, start, limit)
    if (limit - base - this.lineEnd > limits.totalBytes) return this.#fail(494, 'client sent too large request')
    return HEAD_MORE
  }

  /** Could any of the lines just scanned offend? Usually all of them together are shorter than one may be. */
  #needsLook({ lineBytes, totalBytes, maxHeaders, ignoreInvalidHeaders }: HeadLimits): boolean {
    const { fields, pos, lineEnd } = this
    return (
      fields.next - pos > lineBytes ||
      fields.next - lineEnd > totalBytes ||
      fields.count > maxHeaders ||
      (ignoreInvalidHeaders && fields.oddest !== NAME_PLAIN)
    )
  }

  /** Looks at the fields from `first` on, line by line; HEAD_MORE = go on. */
  #checkLines(first: number, bytes: Buffer, base: number, limit: number, limits: HeadLimits): number {
    const { fields } = this
    let kept = first
    for (let i = first; i < fields.count; i++) {
      const start = base + fields.lineStart(i)
      const end = base + fields.lineEnd(i)
      let failure = HEAD_MORE
      if (end - start > limits.lineBytes) failure = this.#tooLongField(bytes, start, limit)
      else {
        this.pos = end - base
        if (this.pos - this.lineEnd > limits.totalBytes) failure = this.#fail(494, 'client sent too large request')
        else if (isIgnored(fields.kind(i), limits)) {
          this.dropped ??= []
          this.dropped.push(bytes.latin1Slice(start, end).replace(/\r*\n$/, ''))
          continue
        } else if (kept + 1 > limits.maxHeaders) failure = this.#fail(494, 'client sent too many header lines')
      }
      fields.move(i, kept++)
      if (failure !== HEAD_MORE) {
        // What comes behind the line is not of this request.
        fields.truncate(kept)
        return failure
      }
    }
    fields.truncate(kept)
    return HEAD_MORE
  }

  #tooLongField(bytes: Buffer, start: number, limit: number): number {
    const text = bytes.latin1Slice(start, Math.min(start + MAX_QUOTED_BYTES, limit))
    return this.#fail(494, `client sent too long header line: "${text}..."`)
  }

  #fail(status: number, message: string): number {
    this.status = status
    this.message = message
    return HEAD_ERROR
  }

  /** `METHOD SP target SP HTTP/x.y CRLF`; without a version it is HTTP/0.9 and must be a GET. */
  #parseLine(bytes: Buffer, base: number, limit: number, limits: HeadLimits): number {
    // The line is short; parsing it again from its start when it came in pieces is bounded by lineBytes.
    let i = base
    const more = (): number => {
      if (limit - base > limits.lineBytes) return this.#tooLong(bytes, base, limit)
      return HEAD_MORE
    }
    for (; i < limit; i++) {
      const c = bytes[i] as number
      if ((c >= UPPER_A && c <= UPPER_Z) || c === UNDERSCORE || c === DASH) continue
      if (c === SPACE && i > base) break
      return this.#badLine(bytes, base, limit, 'client sent invalid method')
    }
    if (i >= limit) return more()
    this.methodEnd = i - base
    while (i < limit && bytes[i] === SPACE) i++
    if (i >= limit) return more()
    this.targetStart = i - base
    for (; i < limit; i++) {
      const c = bytes[i] as number
      if (c > SPACE && c !== 0x7f) continue
      if (c === SPACE || c === CR || c === LF) break
      return this.#badLine(bytes, base, limit, 'client sent invalid request')
    }
    if (i >= limit) return more()
    this.targetEnd = i - base
    if (this.targetEnd === this.targetStart) return this.#badLine(bytes, base, limit, 'client sent invalid request')
    if (i - base > limits.lineBytes) return this.#tooLong(bytes, base, limit)
    if (!this.#splitTarget(bytes, base)) return this.#badLine(bytes, base, limit, 'client sent invalid request')
    while (i < limit && bytes[i] === SPACE) i++
    if (i >= limit) return more()
    if (bytes[i] === CR || bytes[i] === LF) this.version = 9
    else {
      const versionStart = i
      while (i < limit && (bytes[i] as number) > SPACE) i++
      if (i >= limit) {
        // Refuse early what cannot become a version: garbage after the target may have no end.
        const soFar = bytes.latin1Slice(versionStart, i)
        if (!'HTTP/'.startsWith(soFar.slice(0, 5)) || i - versionStart > 16) {
          return this.#badLine(bytes, base, limit, 'client sent invalid request')
        }
        return more()
      }
      if (i - versionStart === 8 && isHttp11(bytes, versionStart)) this.version = 1001
      else {
        const result = this.#parseVersion(bytes.latin1Slice(versionStart, i), bytes, base, limit)
        if (result !== HEAD_DONE) return result
      }
      while (i < limit && bytes[i] === SPACE) i++
      if (i >= limit) return more()
    }
    this.lineEnd = i - base
    if (bytes[i] === CR) {
      i++
      if (i >= limit) return more()
    }
    if (bytes[i] !== LF) return this.#badLine(bytes, base, limit, 'client sent invalid request')
    this.pos = i + 1 - base
    if (this.version === 9 && !(this.methodEnd === 3 && bytes.latin1Slice(base, base + 3) === 'GET')) {
      return this.#badLine(bytes, base, limit, 'client sent invalid method in HTTP/0.9 request')
    }
    return HEAD_DONE
  }

  #badLine(bytes: Buffer, base: number, limit: number, message: string): number {
    this.#keepBadLine(bytes, base, limit)
    return this.#fail(400, message)
  }

  #tooLong(bytes: Buffer, base: number, limit: number): number {
    this.#keepBadLine(bytes, base, limit)
    return this.#fail(414, 'client sent too long URI')
  }

  /** What came of a line that is refused is shown in the logs: up to its end, or all there is. */
  #keepBadLine(bytes: Buffer, base: number, limit: number): void {
    let i = base
    while (i < limit && bytes[i] !== CR && bytes[i] !== LF) i++
    this.lineEnd = i - base
  }

  #parseVersion(text: string, bytes: Buffer, base: number, limit: number): number {
    const match = /^HTTP\/([1-9]\d*)\.(\d{1,3})$/.exec(text)
    if (match === null) return this.#badLine(bytes, base, limit, 'client sent invalid request')
    const major = Number(match[1])
    if (major > 1) {
      this.#keepBadLine(bytes, base, limit)
      return this.#fail(505, 'client sent invalid version')
    }
    this.version = major * 1000 + Number(match[2])
    return HEAD_DONE
  }

  /** Finds the path, and the authority of `scheme://authority/path`. False = neither form. */
  #splitTarget(bytes: Buffer, base: number): boolean {
    const start = base + this.targetStart
    const end = base + this.targetEnd
    this.hostStart = 0
    this.hostEnd = 0
    this.pathStart = this.targetStart
    if (bytes[start] === SLASH) return true
    if (this.methodEnd === 7 && bytes.latin1Slice(base, base + 7) === 'CONNECT') {
      this.hostStart = this.targetStart
      this.hostEnd = this.targetEnd
      this.pathStart = this.targetEnd
      return true
    }
    let i = start
    while (i < end && bytes[i] !== COLON) i++
    const scheme = bytes.latin1Slice(start, i)
    if (!/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)) return false
    if (bytes[i + 1] !== SLASH || bytes[i + 2] !== SLASH) return false
    const hostStart = i + 3
    i = hostStart
    while (i < end && bytes[i] !== SLASH && bytes[i] !== 0x3f && bytes[i] !== 0x23) i++
    if (i === hostStart) return false
    this.hostStart = hostStart - base
    this.hostEnd = i - base
    this.pathStart = i - base
    return true
  }
}

/** ignore_invalid_headers: lines with such a name are as good as not there. */
function isIgnored(kind: number, { ignoreInvalidHeaders, underscoresInHeaders }: HeadLimits): boolean {
  if (!ignoreInvalidHeaders) return false
  return kind === NAME_ODD || (kind === NAME_UNDERSCORE && !underscoresInHeaders)
}

/** The eight bytes `HTTP/1.1`. */
function isHttp11(bytes: Buffer, at: number): boolean {
  return (
    bytes[at] === 72 &&
    bytes[at + 1] === 84 &&
    bytes[at + 2] === 84 &&
    bytes[at + 3] === 80 &&
    bytes[at + 4] === SLASH &&
    bytes[at + 5] === 49 &&
    bytes[at + 6] === 46 &&
    bytes[at + 7] === 49
  )
}

const pool: RequestHead[] = []

export function takeHead(): RequestHead {
  return pool.pop() ?? new RequestHead()
}

/** Gives a head back; its fields must not be used afterwards. */
export function releaseHead(head: RequestHead): void {
  head.reset()
  if (pool.length < 1024) pool.push(head)
}
