// From a request to a file name: root + URI, or alias + the rest of the URI (spec config.md §6). The URI is normalised, so
// it cannot climb out.

import { ALERT } from '../log/levels.ts'
import type { HttpRequest } from './request.ts'

let prefix = ''

/** The prefix for roots that turn out to be relative after their variables were expanded. Set once per configuration. */
export function setRootPrefix(path: string): void {
  prefix = path
}

/** root or alias of the request's location ($document_root). */
export function documentRoot(r: HttpRequest): string {
  const path = r.location.core.root.get(r)
  // `root /` is kept as ''.
  return path.startsWith('/') || r.location.core.root.constant === '' ? path : prefix + path
}

/**
 * File of the request's URI ($request_filename), or undefined after an alert when `alias` cannot be applied because the
 * URI was rewritten out of its location.
 */
export function requestPath(r: HttpRequest): string | undefined {
  const { location } = r
  const root = documentRoot(r)
  if (location.core.alias === undefined) return root + r.uri
  if (location.kind === 'regex') return root
  if (!r.validLocation) {
    r.log(ALERT, `"alias" cannot be used in location "${location.name}" where URI was rewritten`)
    return undefined
  }
  return root + r.uri.slice(location.name.length)
}
