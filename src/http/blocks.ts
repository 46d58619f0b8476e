// The block directives of the core module: http, server, location, and server's own listen and server_name. They build the
// tree of levels that configuration.ts merges.

import type { ConfigCursor, Directive } from '../config/types.ts'
import { hasNamedGroups, storeNamedCaptures } from './captures.ts'
import type { CoreConf } from './core_conf.ts'
import { HttpRootLevel, httpLevel, type LocationKind, LocationLevel, ServerLevel } from './levels.ts'
import { parseListen } from './listen.ts'
import { compileRegex } from './regex.ts'
import { registeredModules } from './registered_modules.ts'
import { parseServerName } from './server_names.ts'
import { VariableRegistry } from './variables.ts'

export const blockDirectives: Record<string, Directive<CoreConf>> = {
  http: { in: ['main'], args: 0, block: true, set: readHttp },
  server: { in: ['http'], args: 0, block: true, set: readServer },
  listen: { in: ['server'], args: [1, Number.POSITIVE_INFINITY], set: addListen },
  server_name: { in: ['server'], args: [1, Number.POSITIVE_INFINITY], set: addServerNames },
  location: { in: ['server', 'location'], args: [1, 2], block: true, set: readLocation },
}

/** The http block of a configuration, left on its main level for finishHttp. */
const roots = new WeakMap<object, HttpRootLevel>()

/** The http level below a parsed main level, or undefined when there was no http block. */
export function httpRootOf(main: object): HttpRootLevel | undefined {
  return roots.get(main)
}

function readHttp(cf: ConfigCursor): void {
  if (roots.has(cf.level)) cf.failDirective('is duplicate')
  const root = new HttpRootLevel(cf.level, new VariableRegistry(registeredModules()))
  roots.set(cf.level, root)
  cf.block(root)
  root.end = cf.reached
}

function readServer(cf: ConfigCursor): void {
  const root = httpLevel(cf)
  const server = new ServerLevel(root, cf.position)
  root.servers.push(server)
  cf.block(server)
}

function addListen(cf: ConfigCursor): void {
  const server = serverLevel(cf)
  for (const spec of parseListen(cf)) {
    if (server.listens.some(({ text }) => text === spec.text)) cf.fail(`a duplicate listen ${spec.text}`)
    server.listens.push(spec)
  }
}

function addServerNames(cf: ConfigCursor): void {
  const server = serverLevel(cf)
  for (const word of cf.args.slice(1)) server.names.push(parseServerName(cf, word, cf.facts.hostname))
}

function serverLevel(cf: ConfigCursor): ServerLevel {
  if (cf.level instanceof ServerLevel) return cf.level
  throw new Error(`"${cf.args[0]}" outside a server block`)
}

function readLocation(cf: ConfigCursor): void {
  const parent = cf.level
  if (!(parent instanceof ServerLevel) && !(parent instanceof LocationLevel))
    throw new Error('location outside a server')
  const { kind, name, noRegex, caseless } = parseName(cf)
  const location = new LocationLevel('location', parent, kind, name, cf.position)
  location.noRegex = noRegex
  if (kind === 'regex') {
    const regex = compileRegex(cf, name, caseless)
    location.regex = regex
    const captures = hasNamedGroups(cf, regex)
    if (captures !== undefined) location.onMatch = (r, match) => storeNamedCaptures(r, match, captures)
  }
  checkNesting(cf, parent, location)
  parent.locations.push(location)
  cf.block(location)
}

interface LocationName {
  readonly kind: LocationKind
  readonly name: string
  readonly noRegex: boolean
  readonly caseless: boolean
}

const MODIFIERS: Readonly<Record<string, Omit<LocationName, 'name'>>> = {
  '=': { kind: 'exact', noRegex: false, caseless: false },
  '^~': { kind: 'prefix', noRegex: true, caseless: false },
  '~': { kind: 'regex', noRegex: false, caseless: false },
  '~*': { kind: 'regex', noRegex: false, caseless: true },
}

/** The modifier may stand alone or be glued to the name. */
function parseName(cf: ConfigCursor): LocationName {
  const [, first = '', second] = cf.args
  if (second !== undefined) {
    const modifier = MODIFIERS[first] ?? cf.fail(`invalid location modifier "${first}"`)
    return { ...modifier, name: second }
  }
  for (const text of ['=', '^~', '~*', '~']) {
    const modifier = MODIFIERS[text]
    if (modifier !== undefined && first.startsWith(text)) return { ...modifier, name: first.slice(text.length) }
  }
  return { kind: first.startsWith('@') ? 'named' : 'prefix', name: first, noRegex: false, caseless: false }
}

function checkNesting(cf: ConfigCursor, parent: ServerLevel | LocationLevel, inner: LocationLevel): void {
  if (!(parent instanceof LocationLevel)) return
  const { name } = inner
  if (parent.kind === 'exact') cf.fail(`location "${name}" cannot be inside the exact location "${parent.name}"`)
  if (parent.kind === 'named') cf.fail(`location "${name}" cannot be inside the named location "${parent.name}"`)
  if (inner.kind === 'named') cf.fail(`named location "${name}" can be on the server level only`)
  if (inner.kind !== 'regex' && !name.startsWith(parent.name)) {
    cf.fail(`location "${name}" is outside location "${parent.name}"`)
  }
}
