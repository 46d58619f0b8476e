// The lines of a map block, compiled into one lookup: exact word, then wildcards (longest first), then regular expressions
// in their order, then the default.

import type { ConfigCursor } from '../../config/types.ts'
import { hasNamedGroups, storeNamedCaptures } from '../../http/captures.ts'
import { compileRegex } from '../../http/regex.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue, type Value } from '../../http/value.ts'
import { HostTable } from './host_table.ts'

/** The value for a source; '' when nothing matches and there is no default. */
export type MapLookup = (r: HttpRequest, source: string) => string

export interface MapBody {
  readonly find: MapLookup
  /** To be computed at every use. */
  readonly isVolatile: boolean
}

/** Sets the captures and says whether it matched. */
type Pattern = (r: HttpRequest, source: string) => boolean

/** Reads the block at the cursor. */
export function readMapBody(cf: ConfigCursor): MapBody {
  const words = new Map<string, Value>()
  const hosts = new HostTable<Value>()
  const patterns: { readonly matches: Pattern; readonly value: Value }[] = []
  let fallback: Value | undefined
  let hasHostnames = false
  let isVolatile = false

  cf.words((line: ConfigCursor) => {
    const [key = '', text] = line.args
    if (text === undefined && key === 'hostnames') {
      hasHostnames = true
      return
    }
    if (text === undefined && key === 'volatile') {
      isVolatile = true
      return
    }
    if (text === undefined || line.args.length > 2) line.fail('invalid number of the map parameters')
    const value = compileValue(line, text)
    if (key === 'default') {
      if (fallback !== undefined) line.fail('duplicate default map parameter')
      fallback = value
    } else if (key.startsWith('~')) patterns.push({ matches: compilePattern(line, key.slice(1)), value })
    else addWord(line, key.startsWith('\\') ? key.slice(1) : key, value)
  })

  function addWord(line: ConfigCursor, word: string, value: Value): void {
    const key = word.toLowerCase()
    if (hasHostnames && hosts.isWildcard(key)) {
      const result = hosts.add(key, value)
      if (result === 'invalid') line.fail(`invalid hostname or wildcard "${word}"`)
      if (result === 'taken' || (key.startsWith('.') && words.has(key.slice(1)))) conflict(line, word)
      if (key.startsWith('.')) words.set(key.slice(1), value)
      return
    }
    if (words.has(key)) conflict(line, word)
    words.set(key, value)
  }

  const valueFor = (r: HttpRequest, source: string): Value | undefined => {
    const key = source.toLowerCase()
    // A host may be written with the dot of the root behind it.
    const host = hasHostnames && key.endsWith('.') ? key.slice(0, -1) : key
    const found = words.get(host) ?? (hasHostnames ? hosts.find(host) : undefined)
    if (found !== undefined || source === '') return found
    for (const { matches, value } of patterns) {
      if (matches(r, source)) return value
    }
    return undefined
  }
  return { find: (r, source) => (valueFor(r, source) ?? fallback)?.get(r) ?? '', isVolatile }
}

function conflict(line: ConfigCursor, word: string): never {
  line.fail(`conflicting parameter "${word}"`)
}

/** `~REGEX` or `~*REGEX`, the first tilde removed. */
function compilePattern(line: ConfigCursor, text: string): Pattern {
  const caseless = text.startsWith('*')
  const regex = compileRegex(line, caseless ? text.slice(1) : text, caseless)
  const named = hasNamedGroups(line, regex)
  return (r, source) => {
    const match = regex.exec(source)
    if (match === null) return false
    r.captures = match
    if (named !== undefined) storeNamedCaptures(r, match, named)
    return true
  }
}
