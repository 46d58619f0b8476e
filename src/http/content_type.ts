// Content types by extension (types, default_type).

import type { HttpRequest } from './request.ts'
import { extensionOf } from './uri.ts'

/** What an upstream has said that sends us here (X-Accel-Redirect), else by the URI's extension, else the location's default. */
export function contentTypeOf(r: HttpRequest): string {
  const { core } = r.location
  if (r.out.contentType !== '') return r.out.contentType
  const extension = extensionOf(r.uri)
  if (extension === '') return core.defaultType
  return core.types.get(extension) ?? core.types.get(extension.toLowerCase()) ?? core.defaultType
}
