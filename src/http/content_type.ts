// Content types by extension (types, default_type).

import type { HttpRequest } from './request.ts'
import { extensionOf } from './uri.ts'

/** Type of the request's URI by its extension, else the location's default. */
export function contentTypeOf(r: HttpRequest): string {
  const { core } = r.location
  const extension = extensionOf(r.uri)
  if (extension === '') return core.defaultType
  return core.types.get(extension) ?? core.types.get(extension.toLowerCase()) ?? core.defaultType
}
