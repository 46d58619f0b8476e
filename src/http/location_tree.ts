// Finding a location (spec config.md §6): an exact name by one Map lookup, the longest prefix by a binary search, regular
// expressions in their order.

import { ConfigError } from '../config/error.ts'
import type { Position } from '../config/types.ts'
import type { Location } from './location.ts'
import { PrefixTable } from './prefix_table.ts'
import type { HttpRequest } from './request.ts'

export class LocationTree {
  readonly #exact = new Map<string, Location>()
  readonly #prefix = new Map<string, Location>()
  /** Of #prefix; made at the first lookup, when all are there. */
  #longest: PrefixTable<Location> | undefined
  readonly #regex: Location[] = []
  /** Names ending in `/` that redirect their name without it. */
  readonly #redirects = new Map<string, Location>()
  /** Nobody is here. */
  empty = true

  add(location: Location): void {
    if (location.kind === 'exact') this.#exact.set(location.name, location)
    else if (location.kind === 'regex') this.#regex.push(location)
    else this.#prefix.set(location.name, location)
    if (location.autoRedirect && location.kind !== 'regex' && location.name.endsWith('/')) {
      this.#redirects.set(location.name.slice(0, -1), location)
    }
    this.#longest = undefined
    this.empty = false
  }

  /** As `add`, but refuses what is there already: nginx's `duplicate location "X"`. */
  addChecked(location: Location, position: Position): void {
    const { kind, name } = location
    if (kind === 'exact' ? this.#exact.has(name) : kind === 'prefix' && this.#prefix.has(name)) {
      throw new ConfigError(`duplicate location "${name}"`, position)
    }
    this.add(location)
  }

  /**
   * The location of `uri` at this level and below, or undefined. `redirect.to` is set when a location that ends in `/`
   * matches `uri` + `/` and wants a redirect.
   */
  find(r: HttpRequest, uri: string, redirect: { to: Location | undefined }): Location | undefined {
    // Asking an empty map would cost the hash of the text.
    if (this.#exact.size > 0) {
      const exact = this.#exact.get(uri)
      if (exact !== undefined) return exact
    }
    if (this.#redirects.size > 0 && !this.#prefix.has(uri)) {
      const target = this.#redirects.get(uri)
      if (target !== undefined) {
        redirect.to = target
        return target
      }
    }
    this.#longest ??= new PrefixTable(this.#prefix)
    let best = this.#longest.find(uri)
    const noRegex = best?.noRegex === true
    if (best?.tree !== undefined) {
      const inner = best.tree.find(r, uri, redirect)
      if (inner !== undefined) {
        if (redirect.to !== undefined || inner.kind === 'exact' || inner.kind === 'regex') return inner
        best = inner
      }
    }
    if (!noRegex) {
      for (const location of this.#regex) {
        const match = (location.regex as RegExp).exec(uri)
        if (match === null) continue
        r.captures = match
        location.onMatch?.(r, match)
        if (location.tree !== undefined) return location.tree.find(r, uri, redirect) ?? location
        return location
      }
    }
    return best
  }
}
