// The levels of an http block while it is read: http, server, location, if. They hold what the setters put in (`own`, by
// module id) and their children; configuration.ts merges them into VirtualServer and Location afterwards.

import type { ConfigCursor, Context, Level, Position } from '../config/types.ts'
import type { ListenSpec } from './listen.ts'
import type { Location } from './location.ts'
import type { ContentHandler } from './module.ts'
import type { HttpRequest } from './request.ts'
import type { ServerName } from './server_names.ts'
import type { VariableRegistry } from './variables.ts'

export class HttpRootLevel implements Level {
  readonly context: Context = 'http'
  readonly parent: Level
  readonly own: (object | undefined)[] = []
  readonly servers: ServerLevel[] = []
  /** The line of its `}`: where nginx merges, and so where it places what merging finds. */
  end: Position | undefined = undefined
  readonly variables: VariableRegistry

  constructor(parent: Level, variables: VariableRegistry) {
    this.parent = parent
    this.variables = variables
  }
}

export class ServerLevel implements Level {
  readonly context: Context = 'server'
  readonly parent: HttpRootLevel
  readonly own: (object | undefined)[] = []
  readonly position: Position
  readonly listens: ListenSpec[] = []
  readonly names: ServerName[] = []
  readonly locations: LocationLevel[] = []

  constructor(parent: HttpRootLevel, position: Position) {
    this.parent = parent
    this.position = position
  }
}

/** How a location is chosen; `if` and `limit_except` blocks are nameless inner locations. */
export type LocationKind = 'prefix' | 'exact' | 'regex' | 'named' | 'if' | 'limit_except'

export class LocationLevel implements Level {
  readonly context: Context
  readonly parent: ServerLevel | LocationLevel
  readonly own: (object | undefined)[] = []
  readonly kind: LocationKind
  /** As written, without the modifier; the pattern for a regex; `@name` for a named one. */
  readonly name: string
  readonly position: Position
  /** `^~`: do not look at regex locations when this prefix is the longest. */
  noRegex = false
  regex: RegExp | undefined = undefined
  /** Assigns the named captures of `regex`. */
  onMatch: ((r: HttpRequest, match: RegExpExecArray) => void) | undefined = undefined
  readonly locations: LocationLevel[] = []
  /** Set by proxy_pass, stub_status ...; never inherited by nested locations. */
  content: ContentHandler | undefined = undefined
  /** proxy_pass and its like in a location whose name ends with `/`: redirect the name without it. */
  autoRedirect = false
  /** What it was merged into; set by finishHttp, for modules that switch to an inner level (if). */
  location: Location | undefined = undefined

  constructor(
    context: Context,
    parent: ServerLevel | LocationLevel,
    kind: LocationKind,
    name: string,
    position: Position,
  ) {
    this.context = context
    this.parent = parent
    this.kind = kind
    this.name = name
    this.position = position
  }
}

/** The http level that is being read. */
export function httpLevel(cf: ConfigCursor): HttpRootLevel {
  let level: Level | undefined = cf.level
  while (level !== undefined) {
    if (level instanceof HttpRootLevel) return level
    level = level.parent
  }
  throw new Error(`"${cf.args[0]}" used outside an http block`)
}

/** What is set so far at http level for a module: log formats, upstreams and the like live there. */
export function httpOwn<Conf extends object>(cf: ConfigCursor, module: { readonly id: number }): Partial<Conf> {
  const own = httpLevel(cf).own
  let conf = own[module.id]
  if (conf === undefined) {
    conf = {}
    own[module.id] = conf
  }
  return conf as Partial<Conf>
}

/** The location that is being read; a directive that may stand only in locations can rely on it. */
export function locationLevel(cf: ConfigCursor): LocationLevel {
  if (cf.level instanceof LocationLevel) return cf.level
  throw new Error(`"${cf.args[0]}" used outside a location`)
}

/** The location being read, or undefined at http and server level. */
export function maybeLocationLevel(cf: ConfigCursor): LocationLevel | undefined {
  return cf.level instanceof LocationLevel ? cf.level : undefined
}
