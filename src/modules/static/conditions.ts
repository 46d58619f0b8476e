// Conditional requests (If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since) for a file that would be sent
// with 200.

import type { HttpRequest } from '../../http/request.ts'
import { IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE } from '../../net/header_names.ts'
import { parseHttpDate } from './http_date.ts'

/** 200 = send it, 304 = the client has it, 412 = a condition of the client does not hold. `etag` '' = there is none. */
export function testConditions(r: HttpRequest, modifiedSec: number, etag: string): 200 | 304 | 412 {
  const { fields } = r
  const unmodifiedSince = fields.known(IF_UNMODIFIED_SINCE)
  if (unmodifiedSince !== undefined) {
    const since = parseHttpDate(unmodifiedSince)
    if (since === undefined || since < modifiedSec) return 412
  }
  const match = fields.known(IF_MATCH)
  if (match !== undefined && !matchesEtag(match, etag, 'strong')) return 412

  const modifiedSince = fields.known(IF_MODIFIED_SINCE)
  const noneMatch = fields.known(IF_NONE_MATCH)
  if (modifiedSince === undefined && noneMatch === undefined) return 200
  if (modifiedSince !== undefined && isModified(r, modifiedSince, modifiedSec)) return 200
  if (noneMatch !== undefined && !matchesEtag(noneMatch, etag, 'weak')) return 200
  return 304
}

function isModified(r: HttpRequest, since: string, modifiedSec: number): boolean {
  const mode = r.location.core.ifModifiedSince
  if (mode === 'off') return true
  const time = parseHttpDate(since)
  if (time === undefined) return true
  return mode === 'exact' ? time !== modifiedSec : time < modifiedSec
}

/** Is `etag` one of the tags of the header? `*` matches any; weak comparison ignores `W/` on both sides. */
function matchesEtag(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (header === '*') return true
  if (etag === '' || (comparison === 'strong' && etag.startsWith('W/'))) return false
  const wanted = etag.replace(/^W\//, '')
  // Separators are spaces and commas; a tag may hold neither a quote nor, in practice, anything surprising.
  for (const [, weak, tag] of header.matchAll(/(W\/)?("[^"]*")/g)) {
    if (tag === wanted && (comparison === 'weak' || weak === undefined)) return true
  }
  return false
}
