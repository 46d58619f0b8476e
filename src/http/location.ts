// A location as requests see it: the merged configuration of every module and, in a worker, the handlers that were built
// from it. One object also stands for a server's own level (requests that match no location) and for each `if` block.

import type { ErrorLog } from '../log/error_log.ts'
import type { CoreConf } from './core_conf.ts'
import type { LocationKind } from './levels.ts'
import type { LocationTree } from './location_tree.ts'
import type { ContentHandler, Handler } from './module.ts'
import type { HttpRequest } from './request.ts'

export class Location {
  readonly kind: LocationKind | 'server'
  readonly name: string
  /** Merged configuration by module id. */
  readonly confs: readonly object[]
  readonly regex: RegExp | undefined
  readonly noRegex: boolean
  readonly autoRedirect: boolean
  /** The core module's configuration here: read so often that it has a field of its own. */
  readonly core: Readonly<CoreConf>
  /** Assigns the named captures of `regex`; undefined when it has none. */
  onMatch: ((r: HttpRequest, match: RegExpExecArray) => void) | undefined = undefined
  /** Who builds `content`: set by proxy_pass and its like. */
  contentHandler: ContentHandler | undefined = undefined
  /** Nested locations. */
  tree: LocationTree | undefined = undefined

  // Built in the worker, before the first request.
  /** Runs set, if, return, rewrite of this location; undefined = none. */
  rewrite: Handler | undefined = undefined
  /** preaccess, access, precontent, and content handlers that may decline; in order. */
  handlers: Handler[] = []
  /** handlerSkip[i]: where to go on when handlers[i] returned OK (the rest of its phase is skipped). */
  handlerSkip: number[] = []
  /** The location's content handler (proxy_pass ...). */
  content: Handler | undefined = undefined
  errorLog: ErrorLog | undefined = undefined
  headerFilters: ((r: HttpRequest) => void)[] = []
  loggers: ((r: HttpRequest) => void)[] = []

  constructor(
    kind: LocationKind | 'server',
    name: string,
    confs: readonly object[],
    regex: RegExp | undefined,
    noRegex: boolean,
    autoRedirect: boolean,
    core: Readonly<CoreConf>,
  ) {
    this.kind = kind
    this.name = name
    this.confs = confs
    this.regex = regex
    this.noRegex = noRegex
    this.autoRedirect = autoRedirect
    this.core = core
  }
}
