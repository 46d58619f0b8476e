// A server block as requests see it: its own level as a location (for requests that match none), its locations, and the
// handlers that run before a location is known.

import type { Location } from './location.ts'
import { LocationTree } from './location_tree.ts'
import type { Handler } from './module.ts'

export class VirtualServer {
  /** $server_name: the first name as nginx prints it. */
  readonly name: string
  readonly location: Location
  readonly tree = new LocationTree()
  /** `@name` locations. */
  readonly named = new Map<string, Location>()
  /** Every location of the server, nested and `if` ones included, itself first. */
  readonly all: Location[]

  // Built in the worker.
  /** post_read, then server_rewrite. */
  handlers: Handler[] = []
  handlerSkip: number[] = []
  /** Index of the first server_rewrite handler: where internal redirects enter. */
  rewriteFrom = 0

  constructor(name: string, location: Location) {
    this.name = name
    this.location = location
    this.all = [location]
  }
}
