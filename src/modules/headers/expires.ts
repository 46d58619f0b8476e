// expires: the Expires header and the one Cache-Control line that says the same to newer clients.

import type { ConfigCursor } from '../../config/types.ts'
import { parseTimeSec } from '../../config/units.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue, type Value } from '../../http/value.ts'
import type { HeadersConf } from './index.ts'

const DAY_SECONDS = 24 * 60 * 60

/** What a moment is counted from: the answer, the file's last change, or midnight (`@15h30m`). */
type Base = 'access' | 'modified' | 'daily'

/** A parsed time. */
export type Expiry =
  | { readonly kind: 'off' }
  | { readonly kind: 'fixed'; readonly expires: string; readonly cacheControl: string }
  | { readonly kind: 'time'; readonly base: Base; readonly seconds: number }

/** One expires directive; a value with variables is parsed for every answer, and ignored when it cannot be. */
export interface Expires {
  readonly modified: boolean
  readonly value: Value
}

const OFF: Expiry = { kind: 'off' }
const EPOCH: Expiry = { kind: 'fixed', expires: 'Thu, 01 Jan 1970 00:00:01 GMT', cacheControl: 'no-cache' }
const MAX: Expiry = { kind: 'fixed', expires: 'Thu, 31 Dec 2037 23:55:55 GMT', cacheControl: 'max-age=315360000' }

/** `expires [modified] TIME | @TIME | epoch | max | off` */
export function setExpires(cf: ConfigCursor, own: Partial<HeadersConf>): void {
  if (own.expires !== undefined) cf.failDirective('is duplicate')
  const [, first = '', second] = cf.args
  // One word is always the time, even where it says "modified".
  if (second !== undefined && first !== 'modified') cf.failDirective('invalid value')
  const modified = second !== undefined
  const value = compileValue(cf, second ?? first)
  if (value.constant !== undefined) {
    const parsed = parseExpiry(value.constant, modified)
    if (typeof parsed === 'string') cf.failDirective(parsed)
  }
  own.expires = { modified, value }
}

/** What the word means, or the text of what is wrong with it. */
function parseExpiry(text: string, modified: boolean): Expiry | string {
  if (!modified) {
    if (text === 'epoch') return EPOCH
    if (text === 'max') return MAX
    if (text === 'off') return OFF
  }
  const sign = /^[@+-]/.exec(text)?.[0] ?? ''
  if (sign === '@' && modified) return 'daily time cannot be used with "modified" parameter'
  const seconds = parseTimeSec(text.slice(sign.length))
  if (seconds === undefined) return 'invalid value'
  if (sign === '@') {
    if (seconds > DAY_SECONDS) return 'daily time value must be less than 24 hours'
    return { kind: 'time', base: 'daily', seconds }
  }
  return { kind: 'time', base: modified ? 'modified' : 'access', seconds: sign === '-' ? -seconds : seconds }
}

/** Sets both headers; undefined when there is nothing to do. */
export function expiresWriter(expires: Expires | undefined): ((r: HttpRequest) => void) | undefined {
  if (expires === undefined) return undefined
  const { value, modified } = expires
  if (value.constant === undefined) {
    return (r) => {
      const expiry = parseExpiry(value.get(r), modified)
      if (typeof expiry !== 'string') writeExpiry(r, expiry)
    }
  }
  const expiry = parseExpiry(value.constant, modified)
  if (typeof expiry === 'string' || expiry.kind === 'off') return undefined
  return (r) => writeExpiry(r, expiry)
}

function writeExpiry(r: HttpRequest, expiry: Expiry): void {
  switch (expiry.kind) {
    case 'off':
      return
    case 'fixed':
      replaceTimes(r, expiry.expires, expiry.cacheControl)
      return
    default: {
      const nowSec = Math.floor(Date.now() / 1000)
      const atSec = momentOf(r, expiry, nowSec)
      const maxAge = atSec - nowSec
      const isPast = expiry.seconds < 0 || maxAge < 0
      replaceTimes(r, new Date(atSec * 1000).toUTCString(), isPast ? 'no-cache' : `max-age=${maxAge}`)
    }
  }
}

/** Seconds since the epoch. */
function momentOf(r: HttpRequest, { base, seconds }: Extract<Expiry, { kind: 'time' }>, nowSec: number): number {
  if (base === 'daily') return nextTimeOfDay(seconds, nowSec)
  const { lastModified } = r.out
  // "modified 0" is like 0: expires now.
  if (base === 'modified' && lastModified >= 0 && seconds !== 0) return lastModified + seconds
  return nowSec + seconds
}

/** The next moment that is so many seconds behind a local midnight. */
function nextTimeOfDay(seconds: number, nowSec: number): number {
  const time = new Date(nowSec * 1000)
  const at = (dayOffset: number): number =>
    new Date(time.getFullYear(), time.getMonth(), time.getDate() + dayOffset, 0, 0, seconds).getTime() / 1000
  const today = at(0)
  return today > nowSec ? today : at(1)
}

function replaceTimes({ out }: HttpRequest, expires: string, cacheControl: string): void {
  out.remove('Expires')
  out.remove('Cache-Control')
  out.add('Expires', expires)
  out.add('Cache-Control', cacheControl)
}
