// Choosing the virtual server of an address by host name: exact, `*.suffix`, `prefix.*`, regex, default (spec config.md
// §5.2). Tables are built once; a lookup is one Map access for the common case.

import type { ConfigCursor } from '../config/types.ts'
import { hasNamedGroups, type NamedCaptures, storeNamedCaptures } from './captures.ts'
import { compileRegex } from './regex.ts'
import type { HttpRequest } from './request.ts'

/** One name of `server_name`, lower-cased. */
export interface ServerName {
  /** As written, for messages. */
  readonly text: string
  readonly kind: 'exact' | 'suffix' | 'dot_suffix' | 'prefix' | 'regex'
  /** exact: the name; suffix: behind `*.`; dot_suffix: behind `.`; prefix: before `.*`. */
  readonly name: string
  readonly regex: RegExp | undefined
  readonly captures: NamedCaptures | undefined
}

/** Parses one word of `server_name`. */
export function parseServerName(cf: ConfigCursor, word: string, hostname: string): ServerName {
  if (word.startsWith('~')) {
    const pattern = word.slice(1)
    if (pattern === '') cf.fail(`empty regex in server name "${word}"`)
    const regex = compileRegex(cf, pattern, /[A-Z]/.test(pattern))
    return { text: word, kind: 'regex', name: '', regex, captures: hasNamedGroups(cf, regex) }
  }
  if (word.includes('/')) cf.warn(`server name "${word}" has suspicious symbols`)
  const name = word === '$hostname' ? hostname.toLowerCase() : word.toLowerCase()
  const plain = { text: word, regex: undefined, captures: undefined }
  if (name === '.' || (name.startsWith('*') && (name[1] !== '.' || name.length < 3))) {
    cf.fail(`server name "${word}" is invalid`)
  }
  if (name.startsWith('*.')) return { ...plain, kind: 'suffix', name: name.slice(2) }
  if (name.startsWith('.')) return { ...plain, kind: 'dot_suffix', name: name.slice(1) }
  if (name.endsWith('.*')) return { ...plain, kind: 'prefix', name: name.slice(0, -2) }
  return { ...plain, kind: 'exact', name }
}

/** A name that needs no parsing: the empty name of a server without server_name. */
export function parsePlainName(name: string): ServerName {
  return { text: name, kind: 'exact', name, regex: undefined, captures: undefined }
}

/** Names of one address, each with its server. */
export class ServerNameTable<Server> {
  readonly #exact = new Map<string, Server>()
  readonly #suffix = new Map<string, Server>()
  readonly #prefix = new Map<string, Server>()
  readonly #regex: { name: ServerName; server: Server }[] = []

  /** False when the name is taken already (nginx: `conflicting server name "X" on ADDR, ignored`). Throws a text for a bad wildcard. */
  add(name: ServerName, server: Server): boolean {
    if (name.kind === 'regex') {
      this.#regex.push({ name, server })
      return true
    }
    if (name.name.includes('*') || name.name.includes('..')) throw new BadWildcard(name.text)
    if (name.kind === 'exact') return put(this.#exact, name.name, server)
    if (name.kind === 'prefix') return put(this.#prefix, name.name, server)
    const fresh = put(this.#suffix, name.name, server)
    return name.kind === 'dot_suffix' ? put(this.#exact, name.name, server) && fresh : fresh
  }

  /** Server for a lower-cased host without port, or undefined for the default. Captures of a regex go to `r`. */
  find(host: string, r: HttpRequest | undefined): Server | undefined {
    const exact = this.#exact.get(host)
    if (exact !== undefined || host === '') return exact
    if (this.#suffix.size > 0) {
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const server = this.#suffix.get(host.slice(dot + 1))
        if (server !== undefined) return server
      }
    }
    if (this.#prefix.size > 0) {
      for (let dot = host.lastIndexOf('.'); dot >= 0; dot = dot === 0 ? -1 : host.lastIndexOf('.', dot - 1)) {
        const server = this.#prefix.get(host.slice(0, dot))
        if (server !== undefined) return server
      }
    }
    for (const { name, server } of this.#regex) {
      const match = name.regex?.exec(host)
      if (match === null || match === undefined) continue
      if (r !== undefined) {
        r.captures = match
        if (name.captures !== undefined) storeNamedCaptures(r, match, name.captures)
      }
      return server
    }
    return undefined
  }
}

export class BadWildcard extends Error {}

function put<Server>(map: Map<string, Server>, name: string, server: Server): boolean {
  if (map.has(name)) return false
  map.set(name, server)
  return true
}
