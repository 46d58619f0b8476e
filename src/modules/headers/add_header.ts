// add_header: one more line in the response head, or a new value for the few headers that there can be only one of.

import type { ConfigCursor } from '../../config/types.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'
import type { AddedHeader, HeadersConf } from './index.ts'

/** `add_header NAME VALUE [always]` */
export function addHeader(cf: ConfigCursor, own: Partial<HeadersConf>): void {
  const [, name = '', text = '', word] = cf.args
  const value = compileValue(cf, text)
  if (word !== undefined && word !== 'always') cf.fail(`invalid parameter "${word}"`)
  own.headers = [...(own.headers ?? []), { name, value, always: word === 'always' }]
}

/** Writes one header; an empty value writes none. */
export function headerWriter({ name, value }: AddedHeader): (r: HttpRequest) => void {
  const replacing = replacerOf(name)
  if (replacing !== undefined) return (r) => replacing(r, lineText(value.get(r)))
  const { constant } = value
  if (constant !== undefined) {
    if (constant === '') return () => undefined
    const line = `${name}: ${lineText(constant)}\r\n`
    return (r) => {
      r.out.lines += line
    }
  }
  return (r) => {
    const text = value.get(r)
    if (text !== '') r.out.add(name, lineText(text))
  }
}

/** Last-Modified and ETag take the place of ours; an empty value removes it. All other headers may be there several times. */
function replacerOf(name: string): ((r: HttpRequest, text: string) => void) | undefined {
  switch (name.toLowerCase()) {
    case 'last-modified':
      return (r, text) => {
        r.out.lastModified = -1
        replaceLines(r, name, text)
      }
    case 'etag':
      return (r, text) => {
        r.out.etag = ''
        replaceLines(r, name, text)
      }
    default:
      return undefined
  }
}

function replaceLines(r: HttpRequest, name: string, text: string): void {
  r.out.remove(name)
  if (text !== '') r.out.add(name, text)
}

/**
 * A value made of variables may hold a decoded line break of the client's ($uri of `/%0d%0a...`). nginx writes it as it is
 * and lets the client add headers of its own; here it becomes blanks.
 */
function lineText(text: string): string {
  return /[\r\n\0]/.test(text) ? text.replace(/[\r\n\0]/g, ' ') : text
}
