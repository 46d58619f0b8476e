// log_format: text and variables, compiled into one function that makes a line. Values are escaped so that a client cannot
// forge a line; what nearly always needs no escaping is only looked at, by one regular expression.

import type { ConfigCursor } from '../../config/types.ts'
import type { HttpRequest } from '../../http/request.ts'
import { parseParts } from '../../http/value.ts'
import type { VariableReference, VariableRegistry } from '../../http/variables.ts'
import { ESCAPES, type EscapeName, type EscapeRule } from './escape.ts'
import type { LogConf } from './index.ts'

/** Numbers are captures ($1..$9). */
export type FormatPart = string | number | VariableReference

export interface LogFormat {
  readonly name: string
  readonly escaping: EscapeName
  readonly parts: readonly FormatPart[]
}

/** Makes the line, its newline included. */
export type LineMaker = (r: HttpRequest) => string

/** `log_format NAME [escape=default|json|none] TEXT...` */
export function defineFormat(cf: ConfigCursor, own: Partial<LogConf>): void {
  const [, name = '', first, ...rest] = cf.args
  if (name === COMBINED_NAME || own.formats?.has(name)) cf.fail(`duplicate "log_format" name "${name}"`)
  let escaping: EscapeName = 'default'
  const texts = [...rest]
  if (first?.startsWith('escape=')) escaping = parseEscape(cf, first.slice('escape='.length))
  else if (first !== undefined) texts.unshift(first)
  const parts = texts.flatMap((text) => parseParts(cf, text))
  own.formats = new Map(own.formats).set(name, { name, escaping, parts })
}

/** Predefined; the name cannot be defined again. */
export const COMBINED_NAME = 'combined'
const COMBINED_TEXT =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'

/** The predefined format with the variables of the configuration being read. */
export function combinedFormat(variables: VariableRegistry): LogFormat {
  const parts = COMBINED_TEXT.split(/\$(\w+)/).map((text, i) => (i % 2 === 0 ? text : variables.reference(text)))
  return { name: COMBINED_NAME, escaping: 'default', parts }
}

function parseEscape(cf: ConfigCursor, name: string): EscapeName {
  if (name === 'default' || name === 'json' || name === 'none') return name
  return cf.fail(`unknown log format escaping "${name}"`)
}

/**
 * Variables whose values are digits, dates or words of ours and never need escaping. None of them can be defined again by
 * a configuration.
 */
const PLAIN = new Set([
  'body_bytes_sent',
  'bytes_sent',
  'connection',
  'connection_requests',
  'connection_time',
  'msec',
  'pid',
  'pipe',
  'remote_port',
  'request_completion',
  'request_id',
  'request_length',
  'request_time',
  'scheme',
  'server_port',
  'status',
  'time_iso8601',
  'time_local',
])

/** Compiles a format whose variables are linked. */
export function compileFormat(format: LogFormat): LineMaker {
  const rule = ESCAPES[format.escaping]
  // Every value is followed by its literal, so that a line takes one pass: lead, value, literal, value, literal.
  let lead = ''
  const readers: Reader[] = []
  const literals: string[] = []
  for (const part of format.parts) {
    if (typeof part !== 'string') {
      readers.push(readerOf(part, rule))
      literals.push('')
    } else if (literals.length === 0) lead += part
    else literals[literals.length - 1] += part
  }
  if (literals.length === 0) {
    const line = `${lead}\n`
    return () => line
  }
  literals[literals.length - 1] += '\n'

  return (r) => {
    let line = lead
    for (let i = 0; i < readers.length; i++) line += (readers[i] as Reader)(r) + (literals[i] as string)
    return line
  }
}

type Reader = (r: HttpRequest) => string

function readerOf(part: number | VariableReference, { needsWork, escapeValue, missing }: EscapeRule): Reader {
  if (typeof part === 'object' && PLAIN.has(part.name)) return (r) => part.get(r) ?? missing
  const read = typeof part === 'number' ? (r: HttpRequest) => r.captures?.[part] : (r: HttpRequest) => part.get(r)
  if (needsWork === undefined) return (r) => read(r) ?? missing
  return (r) => {
    const value = read(r)
    if (value === undefined) return missing
    return needsWork.test(value) ? escapeValue(value) : value
  }
}
