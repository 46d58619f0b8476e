// Complex values: text with variables, compiled to one closure when the configuration is read. A value without variables
// is a constant, and whoever uses it can know that at start-up.

import type { ConfigCursor } from '../config/types.ts'
import { httpLevel } from './levels.ts'
import type { HttpRequest } from './request.ts'
import type { VariableReference } from './variables.ts'

export interface Value {
  /** As written, for messages and for the key of a zone. */
  readonly text: string
  /** The value when it has no variables, else undefined. */
  readonly constant: string | undefined
  /** Latin1 text; a variable that is not found is empty. */
  readonly get: (r: HttpRequest) => string
}

type Part = string | VariableReference | number

/** Compiles `text`; `$1`..`$9` are captures. Fails with nginx's texts through `cf`. */
export function compileValue(cf: ConfigCursor, text: string): Value {
  const parts = parseParts(cf, text)
  if (parts.every((part) => typeof part === 'string')) {
    const constant = parts.join('')
    return { text, constant, get: () => constant }
  }
  return { text, constant: undefined, get: compileParts(parts) }
}

/** Text and variables in order; numbers are captures. Public for log formats, which treat missing values differently. */
export function parseParts(cf: ConfigCursor, text: string): Part[] {
  const parts: Part[] = []
  let literal = ''
  let i = 0
  while (i < text.length) {
    const c = text[i] as string
    if (c !== '$') {
      literal += c
      i++
      continue
    }
    i++
    const digit = text.charCodeAt(i)
    if (digit >= 0x31 && digit <= 0x39) {
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push(digit - 0x30)
      i++
      continue
    }
    const braced = text[i] === '{'
    if (braced) i++
    const start = i
    while (i < text.length && /[A-Za-z0-9_]/.test(text[i] as string)) i++
    const name = text.slice(start, i)
    if (braced) {
      if (text[i] !== '}') cf.fail(`the closing bracket in "${name}" variable is missing`)
      i++
    }
    if (name === '') cf.fail('invalid variable name')
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push(httpLevel(cf).variables.reference(name))
  }
  if (literal !== '' || parts.length === 0) parts.push(literal)
  return parts
}

function compileParts(parts: readonly Part[]): (r: HttpRequest) => string {
  const readers = parts.map(compilePart)
  const [a, b, c] = readers as [Reader, Reader | undefined, Reader | undefined]
  if (readers.length === 1) return a
  if (readers.length === 2 && b) return (r) => a(r) + b(r)
  if (readers.length === 3 && b && c) return (r) => a(r) + b(r) + c(r)
  return (r) => {
    let value = ''
    for (let i = 0; i < readers.length; i++) value += (readers[i] as Reader)(r)
    return value
  }
}

type Reader = (r: HttpRequest) => string

function compilePart(part: Part): Reader {
  if (typeof part === 'string') return () => part
  if (typeof part === 'number') return (r) => r.captures?.[part] ?? ''
  // Not part.get itself: it is completed after this.
  return (r) => part.get(r) ?? ''
}
