// From the levels of an http block to what requests use: every module's configuration merged level by level, virtual
// servers, locations, and the addresses to listen on. Runs in the master (to check everything that can be checked) and in
// each worker; handlers are built from it in the worker only (build.ts).

import { core as mainCore } from '../config/core_directives.ts'
import { ConfigError } from '../config/error.ts'
import type { ErrorLogSetting } from '../config/error_log.ts'
import { mergeLevel, ownOf } from '../config/level.ts'
import type { ParsedConfiguration } from '../config/parse.ts'
import type { ConfigOwner, Position } from '../config/types.ts'
import { type HttpAddress, joinAddresses } from './addresses.ts'
import { httpRootOf } from './blocks.ts'
import type { CoreConf } from './core_conf.ts'
import { core } from './core_module.ts'
import type { HttpRootLevel, LocationLevel, ServerLevel } from './levels.ts'
import { Location } from './location.ts'
import { LocationTree } from './location_tree.ts'
import type { AnyHttpModule, MergedLevel } from './module.ts'
import { setRootPrefix } from './path.ts'
import { registeredModules, registerModules } from './registered_modules.ts'
import { VirtualServer } from './virtual_server.ts'

/** The http part of a configuration, complete and checked. Empty when there was no http block. */
export interface HttpConfiguration {
  readonly modules: readonly AnyHttpModule[]
  readonly servers: readonly VirtualServer[]
  readonly addresses: readonly HttpAddress[]
  /** Texts without a place, to be logged at level warn. */
  readonly warnings: readonly string[]
}

/** Owners of HTTP directives, for the reader. `modules` is the list of modules/index.ts; the core comes first. */
export function httpOwners(modules: readonly AnyHttpModule[]): ConfigOwner[] {
  registerModules([core, ...modules])
  return [...registeredModules()]
}

/** Merges, links variables, joins addresses (into `parsed.resources.listens`). Throws ConfigError. */
export function finishHttp(parsed: ParsedConfiguration): HttpConfiguration {
  const modules = registeredModules()
  const root = httpRootOf(parsed.root)
  const warnings: string[] = []
  if (root === undefined) return { modules, servers: [], addresses: [], warnings }
  for (const module of modules) module.complete?.(root, parsed.resources, parsed.prefix)
  const merger = new Merger(modules, root.end)
  setRootPrefix(parsed.prefix)
  const errorLog = ownOf<{ errorLog: readonly ErrorLogSetting[] }>(parsed.root, mainCore)?.errorLog ?? []
  const http = merger.mergeHttp(root, errorLog, parsed.prefix)
  const servers = root.servers.map((level) => merger.mergeServer(http, level))
  for (const location of servers.flatMap((server) => server.all)) {
    parsed.resources.folders.add(location.core.clientBodyTempPath)
  }
  root.variables.link()
  const addresses = joinAddresses(root.servers, servers, parsed.resources.listens, warnings)
  for (const module of modules) module.init?.(http[module.id] as object)
  return { modules, servers, addresses, warnings }
}

/** Merged configurations of one level, by module id. */
type Confs = readonly object[]

class Merger {
  readonly #modules: readonly AnyHttpModule[]
  readonly #place: Position | undefined

  /** `place`: of errors that merging finds. */
  constructor(modules: readonly AnyHttpModule[], place: Position | undefined) {
    this.#modules = modules
    this.#place = place
  }

  mergeHttp(level: HttpRootLevel, mainErrorLog: readonly ErrorLogSetting[], prefix: string): Confs {
    const defaults: object[] = []
    for (const module of this.#modules) defaults[module.id] = module.defaults
    const clientBodyTempPath = prefix + core.defaults.clientBodyTempPath
    defaults[core.id] = { ...core.defaults, clientBodyTempPath, errorLog: mainErrorLog }
    return this.#merge(defaults, level.own, { context: 'http', name: '' })
  }

  mergeServer(http: Confs, level: ServerLevel): VirtualServer {
    const confs = this.#merge(http, level.own, { context: 'server', name: '' })
    const server = new VirtualServer(serverName(level), makeLocation('server', '', confs, undefined))
    for (const inner of level.locations) this.#mergeLocation(confs, server.location, inner, server, server.tree)
    return server
  }

  #mergeLocation(
    parent: Confs,
    outer: Location,
    level: LocationLevel,
    server: VirtualServer,
    tree: LocationTree,
  ): void {
    const confs = this.#merge(parent, level.own, { context: level.context, name: level.name })
    const location = makeLocation(level.kind, level.name, confs, level)
    // An `if` block answers as its location would, unless it says otherwise.
    location.contentHandler =
      level.content ?? (level.kind === 'if' || level.kind === 'limit_except' ? outer.contentHandler : undefined)
    server.all.push(location)
    level.location = location
    if (level.kind === 'named') server.named.set(level.name, location)
    else if (level.kind !== 'if' && level.kind !== 'limit_except') tree.addChecked(location, level.position)
    const innerTree = new LocationTree()
    for (const inner of level.locations) this.#mergeLocation(confs, location, inner, server, innerTree)
    if (!innerTree.empty) location.tree = innerTree
  }

  #mergeBy(merge: () => object): object {
    try {
      return merge()
    } catch (error) {
      if (error instanceof ConfigError && error.file === undefined) throw new ConfigError(error.message, this.#place)
      throw error
    }
  }

  #merge(parent: Confs, own: readonly (object | undefined)[], level: MergedLevel): Confs {
    const merged: object[] = []
    for (const module of this.#modules) {
      const above = parent[module.id] as object
      const mine = own[module.id]
      // Nothing set here: the parent's object itself, so that equal levels share one.
      if (mine === undefined && module.merge === undefined) merged[module.id] = above
      else if (module.merge === undefined) merged[module.id] = mergeLevel(above, mine)
      else merged[module.id] = Object.freeze(this.#mergeBy(() => module.merge?.(above, mine ?? {}, level)))
    }
    return merged
  }
}

function makeLocation(kind: Location['kind'], name: string, confs: Confs, level: LocationLevel | undefined): Location {
  const location = new Location(
    kind,
    name,
    confs,
    level?.regex,
    level?.noRegex ?? false,
    level?.autoRedirect ?? false,
    confs[core.id] as Readonly<CoreConf>,
  )
  location.onMatch = level?.onMatch
  return location
}

/** $server_name: the first name, a leading dot removed; a regex keeps its `~`. */
function serverName(level: ServerLevel): string {
  const first = level.names[0]
  if (first === undefined) return ''
  if (first.kind === 'dot_suffix') return first.name
  return first.kind === 'exact' ? first.name : first.text
}
