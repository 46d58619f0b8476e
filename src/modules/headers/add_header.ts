// add_header and add_trailer: one more line in the response head, or behind the body; or a new value for the few headers
// that there can be only one of.

import type { ConfigCursor } from '../../config/types.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'
import type { AddedHeader, HeadersConf } from './index.ts'

/** `add_header NAME VALUE [always]` and `add_trailer` alike, kept in the order they are given. */
export function addLine(cf: ConfigCursor, own: Partial<HeadersConf>, field: 'headers' | 'trailers'): void {
  const [, name = '', text = '', word] = cf.args
  const value = compileValue(cf, text)
  if (word !== undefined && word !== 'always') cf.fail(`invalid parameter "${word}"`)
  own[field] = [...(own[field] ?? []), { name, value, always: word === 'always' }]
}

/** Asks for trailers in a response of this status; their values are made when the body has ended. */
export function trailerWriter(trailers: readonly AddedHeader[]): (r: HttpRequest, isSafe: boolean) => void {
  return (r, isSafe) => {
    const wanted = isSafe ? trailers : trailers.filter(({ always }) => always)
    if (wanted.length > 0) r.out.trailers = (done) => trailerLines(done, wanted)
  }
}

function trailerLines(r: HttpRequest, trailers: readonly AddedHeader[]): string {
  let lines = ''
  for (const { name, value } of trailers) {
    const text = value.get(r)
    if (text !== '') lines += `${name}: ${lineText(text)}\r\n`
  }
  return lines
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
