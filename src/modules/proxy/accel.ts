// X-Accel-*: what the upstream asks of us. X-Accel-Redirect names one of our own locations that shall answer instead.

import { internalRedirect, redirectToNamed } from '../../http/phases.ts'
import type { HttpRequest } from '../../http/request.ts'
import { isUnsafeUri } from '../../http/uri.ts'
import { ERROR } from '../../log/levels.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import {
  ACCEPT_RANGES,
  CACHE_CONTROL,
  CONTENT_TYPE,
  EXPIRES,
  SET_COOKIE,
  UNKNOWN,
  X_ACCEL_BUFFERING,
  X_ACCEL_LIMIT_RATE,
  X_ACCEL_REDIRECT,
} from '../../net/header_names.ts'

import { IGNORE_X_ACCEL_BUFFERING, IGNORE_X_ACCEL_LIMIT_RATE, IGNORE_X_ACCEL_REDIRECT } from './conf.ts'

/** X-Accel-Limit-Rate sets the client's rate. `ignored` are the IGNORE_* bits of the location. */
export function obeyLimitRate(r: HttpRequest, fields: HeaderFields, ignored: number): void {
  if (fields.first(X_ACCEL_LIMIT_RATE) < 0 || (ignored & IGNORE_X_ACCEL_LIMIT_RATE) !== 0) return
  const rate = fields.known(X_ACCEL_LIMIT_RATE) ?? ''
  if (/^[0-9]+$/.test(rate)) r.limitRate = Number(rate)
}

/** Whether to read ahead of the client: X-Accel-Buffering, if it says so, else `configured`. */
export function accelBuffering(fields: HeaderFields, ignored: number, configured: boolean): boolean {
  if (fields.first(X_ACCEL_BUFFERING) < 0 || (ignored & IGNORE_X_ACCEL_BUFFERING) !== 0) return configured
  const word = fields.known(X_ACCEL_BUFFERING)?.toLowerCase()
  return word === 'yes' || (word !== 'no' && configured)
}

/** Does the upstream send the request elsewhere? */
export function asksForRedirect(fields: HeaderFields, ignored: number): boolean {
  return fields.first(X_ACCEL_REDIRECT) >= 0 && (ignored & IGNORE_X_ACCEL_REDIRECT) === 0
}

/** Goes on with the target; the few fields that describe what is sent are kept, all others dropped. */
export function accelRedirect(r: HttpRequest, fields: HeaderFields): void {
  const target = fields.known(X_ACCEL_REDIRECT) ?? ''
  for (let i = 0; i < fields.count; i++) {
    if (fields.id(i) === CONTENT_TYPE) r.out.contentType = fields.value(i)
    else if (isKept(fields, i)) r.out.add(fields.name(i), fields.value(i))
  }
  if (target.startsWith('@')) {
    redirectToNamed(r, target)
    return
  }
  const question = target.indexOf('?')
  const path = question < 0 ? target : target.slice(0, question)
  const decoded = path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  if (isUnsafeUri(path) || isUnsafeUri(decoded)) {
    r.log(ERROR, `unsafe URI "${target}" was detected`)
    r.finalize(404)
    return
  }
  if (r.method !== 'HEAD') r.method = 'GET'
  internalRedirect(r, decoded, question < 0 ? '' : target.slice(question + 1))
}

function isKept(fields: HeaderFields, index: number): boolean {
  const id = fields.id(index)
  if (id === UNKNOWN) return fields.name(index).toLowerCase() === 'content-disposition'
  return id === SET_COOKIE || id === CACHE_CONTROL || id === EXPIRES || id === ACCEPT_RANGES
}
