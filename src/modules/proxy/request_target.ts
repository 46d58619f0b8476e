// The target in the request line to the upstream (spec proxy.md §2.1).

import type { HttpRequest } from '../../http/request.ts'
import { escapeUri } from '../../http/uri.ts'
import { cleanTarget } from './clean.ts'

/** `uri` is proxy_pass's URI part or ''; `fromVariables` when its URL has variables. '' = zero length, an error. */
export function requestTarget(r: HttpRequest, uri: string, fromVariables: boolean, locationName: string): string {
  if (uri === '') {
    if (r.validUnparsedUri) return r.unparsedUri
    return escaped(r, r.uri) + argsOf(r)
  }
  if (fromVariables) return cleanTarget(uri)
  // After rewrite ... break the location is no longer a part of the URI, and nothing is left to replace.
  if (!r.validLocation) return escaped(r, r.uri) + argsOf(r)
  return uri + escaped(r, r.uri.slice(locationName.length)) + argsOf(r)
}

/** A decoded path is escaped again when something was escaped in it, or when it did not come from the client. */
function escaped(r: HttpRequest, path: string): string {
  return r.quotedUri || r.internal ? escapeUri(path) : path
}

function argsOf(r: HttpRequest): string {
  return r.args === '' ? '' : `?${r.args}`
}
