// Looks for the index file of a directory and redirects inside to it.

import { statSync } from 'node:fs'
import { asSystemError, errnoText, systemErrorOf } from '../../config/errno_text.ts'
import type { SystemError } from '../../config/types.ts'
import { DECLINED, type Handler, type PhaseResult } from '../../http/module.ts'
import { requestPath } from '../../http/path.ts'
import { internalRedirect } from '../../http/phases.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Value } from '../../http/value.ts'
import { ALERT, CRIT, ERROR } from '../../log/levels.ts'
import { systemPath } from '../static/open_file.ts'

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])

export function indexHandler(names: readonly Value[]): Handler {
  return (r) => {
    if (!r.uri.endsWith('/') || !METHODS.has(r.method)) return DECLINED
    let folder: string | undefined
    let folderIsThere = false
    for (const value of names) {
      const name = value.get(r)
      if (name.startsWith('/')) return internalRedirect(r, name, r.args)
      folder ??= requestPath(r)
      if (folder === undefined) return 500

      const path = folder + name
      const cause = whyMissing(path)
      if (cause === undefined) return internalRedirect(r, r.uri + name, r.args)
      const { code } = cause
      if (code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'EACCES') return refuse(r, path, cause)
      if (!folderIsThere) {
        const result = testFolder(r, folder, path)
        if (result !== DECLINED) return result
        folderIsThere = true
      }
      if (code !== 'ENOENT') {
        r.log(CRIT, `stat() "${path}" failed (${errnoText(cause)})`)
        return 500
      }
    }
    return DECLINED
  }
}

/** undefined when there is something of that name. */
function whyMissing(path: string): SystemError | undefined {
  try {
    statSync(systemPath(path))
    return undefined
  } catch (error) {
    return asSystemError(error) ?? systemErrorOf('ENOENT')
  }
}

/**
 * An index may be missing because its folder is: that is 404 (about `path`, the index) and not 403. A folder that may not
 * be read does not matter: the search for the index got through it.
 */
function testFolder(r: HttpRequest, folder: string, path: string): PhaseResult {
  // "alias" may name a folder without its slash.
  const name = folder.length > 1 && folder.endsWith('/') ? folder.slice(0, -1) : folder
  const cause = whyMissing(`${name}/`)
  if (cause === undefined || cause.code === 'EACCES') return DECLINED
  if (cause.code === 'ENOENT') return refuse(r, path, cause)
  if (cause.code === 'ENOTDIR') r.log(ALERT, `"${name}" is not a directory`)
  else r.log(CRIT, `stat() "${name}" failed (${errnoText(cause)})`)
  return 500
}

function refuse(r: HttpRequest, path: string, cause: SystemError): PhaseResult {
  if (cause.code === 'EACCES') {
    r.log(ERROR, `"${path}" is forbidden (${errnoText(cause)})`)
    return 403
  }
  if (r.location.core.logNotFound) r.log(ERROR, `"${path}" is not found (${errnoText(cause)})`)
  return 404
}
