// $sent_http_NAME: fields of the response as they were, or will be, sent. Fields with slots of their own come first.

import { dateText } from './http1/response_head.ts'
import type { HttpRequest } from './request.ts'

/** Value by lower-case name with `-`; undefined = not sent. */
export function sentHeader(r: HttpRequest, name: string): string | undefined {
  const { out } = r
  switch (name) {
    case 'content-type':
      return out.contentType || undefined
    case 'content-length':
      return out.contentLength < 0 ? undefined : String(out.contentLength)
    case 'location':
      return out.location || out.find(name)
    case 'last-modified':
      return out.lastModified < 0 ? out.find(name) : dateText(out.lastModified)
    case 'etag':
      return out.etag || out.find(name)
    case 'connection':
      return r.status === 101 ? 'upgrade' : r.keepAlive ? 'keep-alive' : 'close'
    case 'keep-alive':
      return r.keepAlive && r.location.core.keepaliveHeader > 0
        ? `timeout=${r.location.core.keepaliveHeader}`
        : undefined
    case 'transfer-encoding':
      return r.chunkedOut ? 'chunked' : undefined
    default:
      return out.find(name)
  }
}
