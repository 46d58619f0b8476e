// From a request to a file on the wire: method, path, kind of file, conditions, ranges, then the body. Everything that can
// fail is decided before the head is sent.

import { errnoText } from '../../config/errno_text.ts'
import type { SystemError } from '../../config/types.ts'
import { contentTypeOf } from '../../http/content_type.ts'
import { DECLINED, DONE, type PhaseResult } from '../../http/module.ts'
import { requestPath } from '../../http/path.ts'
import type { HttpRequest } from '../../http/request.ts'
import { sendHead } from '../../http/send.ts'
import { escapeUri } from '../../http/uri.ts'
import { ALERT, CRIT, ERROR } from '../../log/levels.ts'
import { testConditions } from './conditions.ts'
import { type BodyPart, bodyLength, sendFileBody, wholeFile } from './file_body.ts'
import { closeFile, type OpenFile, openFile, readStart } from './open_file.ts'
import { applyRanges } from './ranges.ts'

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])
const NOT_FOUND: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])
const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EMLINK', 'ELOOP'])

/** The content handler; declines URIs that end with `/`, which belong to index. */
export function serveFile(r: HttpRequest): PhaseResult {
  if (!METHODS.has(r.method)) return 405
  if (r.uri.endsWith('/')) return DECLINED
  const path = requestPath(r)
  if (path === undefined) return 500
  const file = openFile(path)
  if (!('fd' in file)) return refuse(r, path, file)
  const result = serveOpenFile(r, path, file)
  if (result !== DONE) closeFile(file)
  return result
}

/** Status for a file that cannot be opened, and its log line. */
function refuse(r: HttpRequest, path: string, cause: SystemError): PhaseResult {
  const status = NOT_FOUND.has(cause.code) ? 404 : FORBIDDEN.has(cause.code) ? 403 : 500
  if (status !== 404 || r.location.core.logNotFound) {
    r.log(status === 500 ? CRIT : ERROR, `open() "${path}" failed (${errnoText(cause)})`)
  }
  return status
}

/** DONE: the file belongs to the response now; anything else leaves it to the caller. */
function serveOpenFile(r: HttpRequest, path: string, file: OpenFile): PhaseResult {
  if (file.kind === 'directory') {
    r.out.location = `${escapeUri(r.uri)}/${r.args === '' ? '' : `?${r.args}`}`
    return 301
  }
  if (file.kind === 'other') {
    r.log(CRIT, `"${path}" is not a regular file`)
    return 404
  }
  if (r.method === 'POST') return 405
  if (!r.stream.discardBody()) return 400

  const etag = r.location.core.etag ? etagOf(file) : ''
  // The client's conditions and ranges are about what it asked for, not about an error page or a part that we include.
  const isAskedFor = r === r.main && r.errStatus === 0
  const condition = isAskedFor ? testConditions(r, file.modifiedSec, etag) : 200
  if (condition === 412) return 412
  const { out } = r
  out.lastModified = file.modifiedSec
  out.etag = etag
  r.status = condition
  if (condition === 304) {
    closeFile(file)
    sendHead(r)
    r.stream.end()
    return DONE
  }
  out.contentType = contentTypeOf(r)
  out.contentLength = file.sizeBytes
  const parts = isAskedFor ? applyRanges(r, file.modifiedSec) : wholeFile(file.sizeBytes)
  return parts === undefined ? 416 : send(r, path, file, parts)
}

/** Time and size in hexadecimal. */
function etagOf({ modifiedSec, sizeBytes }: OpenFile): string {
  return `"${modifiedSec.toString(16)}-${sizeBytes.toString(16)}"`
}

function send(r: HttpRequest, path: string, file: OpenFile, parts: readonly BodyPart[]): PhaseResult {
  r.out.contentLength = bodyLength(parts)
  const [only] = parts
  // A small file is read before the head goes out: one write, and a read that fails is still a clean 500.
  if (parts.length === 1 && only?.kind === 'file' && r.method !== 'HEAD') {
    const wanted = only.end - only.start
    const bytes = readStart(file, only.start, wanted)
    if (bytes !== undefined) {
      if (bytes.length < wanted) {
        r.log(ALERT, `pread() read only ${bytes.length} of ${wanted} from "${path}"`)
        return 500
      }
      closeFile(file)
      sendHead(r)
      if (wanted > 0) r.stream.write(bytes)
      r.stream.end()
      return DONE
    }
  }
  sendHead(r)
  if (r.headerOnly) {
    closeFile(file)
    r.stream.end()
  } else sendFileBody(r, path, file, parts)
  return DONE
}
