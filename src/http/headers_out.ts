// The response head while it is being put together. Fields that the core orders itself (spec http-core.md §6.2) have slots;
// all others are kept as their own wire form, `Name: value CRLF` lines in one latin1 string, because they are nearly always
// only passed on. Looking one up or removing it is the rare case and scans the string.

import type { HttpRequest } from './request.ts'

export class HeadersOut {
  /** undefined = ours; '' = none. */
  server: string | undefined = undefined
  /** undefined = now; '' = none. */
  date: string | undefined = undefined
  contentType = ''
  /** Bytes, or -1 when not known. */
  contentLength = -1
  /** Seconds since the epoch, or -1. */
  lastModified = -1
  /** Target of a redirect that we made; written absolute if absolute_redirect. */
  location = ''
  /** `"..."` or W/"...", or ''. */
  etag = ''
  acceptRanges = false
  /** All other lines, each `Name: value\r\n`. */
  lines = ''
  /** Trailer lines behind a chunked body, asked for when the body has ended. */
  trailers: ((r: HttpRequest) => string) | undefined = undefined

  reset(): void {
    this.server = undefined
    this.date = undefined
    this.contentType = ''
    this.contentLength = -1
    this.lastModified = -1
    this.location = ''
    this.etag = ''
    this.acceptRanges = false
    this.lines = ''
    this.trailers = undefined
  }

  add(name: string, value: string): void {
    this.lines += `${name}: ${value}\r\n`
  }

  /** Values of all lines called `name` (any case) joined by `, `, or undefined. Slots are not looked at. */
  find(name: string): string | undefined {
    const pattern = linePattern(name, 'gi')
    let found: string | undefined
    for (const match of this.lines.matchAll(pattern)) found = found === undefined ? match[1] : `${found}, ${match[1]}`
    return found
  }

  /** Removes all lines called `name` (any case). */
  remove(name: string): void {
    this.lines = this.lines.replace(linePattern(name, 'gi'), '')
  }
}

function linePattern(name: string, flags: string): RegExp {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<=^|\\n)${escaped}: ([^\\r\\n]*)\\r\\n`, flags)
}
