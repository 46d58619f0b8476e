// What an HTTP module is: one typed object that declares its directives, variables and handlers. modules/index.ts lists
// them; nothing registers itself. Everything here is decided at start-up: `build` functions run once per location in the
// worker and return the closures that requests will run.

import type { ConfigCursor, Context, Directive, Resources } from '../config/types.ts'
import type { HttpRootLevel } from './levels.ts'
import type { Location } from './location.ts'
import type { HttpRequest } from './request.ts'

/** Not mine: go on with the next handler. */
export const DECLINED = 0
/** Fine, and the rest of this phase is to be skipped. */
export const OK = 1
/** Parked: the handler has arranged for `r.resume()`, which runs the same handler again. */
export const AGAIN = 2
/** The handler has taken the request over: it sends the response (now or later) and ends it itself. */
export const DONE = 3
/** Pseudo status: close the connection without a response (`return 444`). */
export const CLOSE = 444

/**
 * DECLINED, OK, AGAIN, DONE, or a status: 200..299 = response was sent by the handler; 300..599 = finish with that
 * special response (error_page applies).
 */
export type PhaseResult = number

/** Runs for a request in one location; everything it needs from the configuration is closed over. */
export type Handler = (r: HttpRequest) => PhaseResult

/** Phases of nginx in which a module may stand, in order; see spec of phases in ARCHITECTURE.md. */
export type Phase = 'post_read' | 'server_rewrite' | 'rewrite' | 'preaccess' | 'access' | 'precontent' | 'content'

export const HTTP: readonly Context[] = ['http']
export const HTTP_SERVER: readonly Context[] = ['http', 'server']
export const HTTP_SERVER_LOCATION: readonly Context[] = ['http', 'server', 'location']
export const HTTP_SERVER_LOCATION_IF: readonly Context[] = ['http', 'server', 'location', 'if_location']

/** Reads a variable for a request; undefined = not found (empty in text, `-` in logs). Latin1 text. */
export type VariableGetter = (r: HttpRequest) => string | undefined

/** A variable with more than a getter. */
export interface VariableDefinition {
  readonly get: VariableGetter
  /** `set $name` is allowed and calls this; without it the variable may not be redefined. */
  readonly set?: (r: HttpRequest, value: string) => void
}

export interface PhaseHandler<Conf> {
  readonly at: Phase
  /** Called once per location (per server for post_read and server_rewrite) in the worker, with zones attached. undefined = nothing to do here. */
  readonly build: (conf: Readonly<Conf>, location: Location) => Handler | undefined
}

/** Runs before the response head is written; may change `r.status`, `r.out` and add header lines. */
export interface HeaderFilter<Conf> {
  readonly build: (conf: Readonly<Conf>, location: Location) => ((r: HttpRequest) => void) | undefined
}

export interface HttpModule<Conf extends object, State = undefined> {
  /** Slot in `Location.confs` and `HttpRequest` state; given by defineModule. */
  readonly id: number
  readonly name: string
  readonly defaults: Readonly<Conf>
  /** Only where nginx's rule is not `{ ...parent, ...own }`. `parent` is merged already (defaults at http level). */
  readonly merge?: (parent: Readonly<Conf>, own: Partial<Conf>, level: MergedLevel) => Conf
  /** State of a request, made on first use by `r.state(module)`. */
  readonly newState?: (r: HttpRequest) => State
  readonly directives: Readonly<Record<string, Directive<Conf>>>
  /** Variables by name without `$`. */
  readonly variables?: Readonly<Record<string, VariableGetter | VariableDefinition>>
  /** Variable families by prefix (`http_`, `arg_`, `upstream_http_`): the suffix is known when the reference is compiled. */
  readonly variableFamilies?: Readonly<Record<string, (suffix: string) => VariableGetter>>
  readonly phases?: readonly PhaseHandler<Conf>[]
  readonly headerFilter?: HeaderFilter<Conf>
  /** Runs once when a main request has ended, in the location that finished it. */
  readonly log?: {
    readonly build: (conf: Readonly<Conf>, location: Location) => ((r: HttpRequest) => void) | undefined
  }
  /** When the http block was read, before levels are merged: what a level gets that nobody wrote there (a default log). */
  readonly complete?: (http: HttpRootLevel, resources: Resources, prefix: string) => void
  /** After all levels are merged, in master and worker: checks that need the whole configuration; throws ConfigError. */
  readonly init?: (http: Readonly<Conf>) => void
}

/** Where a merge happens, for the few modules whose rule depends on it. */
export interface MergedLevel {
  readonly context: Context
  /** Name of the location as written, '' for http and server levels. */
  readonly name: string
}

/** The heterogeneous list of modules. The one allowed `any`: each module is typed on its own. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyHttpModule = HttpModule<any, any>

/** Sets the content handler of the location being read (nginx's clcf->handler). */
export interface ContentHandler {
  /** Directive that set it, for messages. */
  readonly directive: string
  readonly build: (location: Location) => Handler
}

// 0 and 1 are the core and events owners (config/core_directives.ts, config/events_directives.ts).
let nextId = 2

/** The next owner id. */
export function takeOwnerId(): number {
  return nextId++
}

/** Gives a module its id. The argument is the declaration itself: this is the table of contents of its file. */
export function defineModule<Conf extends object, State = undefined>(
  module: Omit<HttpModule<Conf, State>, 'id'>,
): HttpModule<Conf, State> {
  return { id: takeOwnerId(), ...module }
}

export type { ConfigCursor, Context, Directive }
