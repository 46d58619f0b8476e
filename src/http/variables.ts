// Variables of a configuration: a name, case-insensitive, and how a request reads it. References may come before
// definitions (map, set, upstream families), so a reference is an object that `link` completes after the whole
// configuration was read; from then on reading a variable is one call.

import { ConfigError } from '../config/error.ts'
import type { AnyHttpModule, VariableDefinition, VariableGetter } from './module.ts'
import type { HttpRequest } from './request.ts'

/** A use of a variable; `get` is valid after linking. */
export interface VariableReference {
  readonly name: string
  get: VariableGetter
}

/** Values of one request live in `r.main.slots[slot]`, shared with its subrequests. */
export interface SlotVariable {
  readonly name: string
  readonly slot: number
}

interface Defined {
  get: VariableGetter
  set: ((r: HttpRequest, value: string) => void) | undefined
  /** May be defined again: built-ins with a setter and everything that configuration defines. */
  readonly changeable: boolean
}

const unlinked: VariableGetter = () => {
  throw new Error('variable read before the configuration was linked')
}

export class VariableRegistry {
  readonly #defined = new Map<string, Defined>()
  readonly #families: [prefix: string, make: (suffix: string) => VariableGetter][] = []
  readonly #references = new Map<string, VariableReference>()
  readonly #slots = new Map<string, SlotVariable>()

  constructor(modules: readonly AnyHttpModule[]) {
    for (const module of modules) {
      for (const [name, definition] of Object.entries(module.variables ?? {})) this.#builtin(name, definition)
      for (const [prefix, make] of Object.entries(module.variableFamilies ?? {})) this.#families.push([prefix, make])
    }
    // Longest prefix wins: sent_http_ before http_ never collides, upstream_http_ and http_ do not overlap at the start.
    this.#families.sort((a, b) => b[0].length - a[0].length)
  }

  #builtin(name: string, definition: VariableGetter | VariableDefinition): void {
    const { get, set } = typeof definition === 'function' ? { get: definition, set: undefined } : definition
    this.#defined.set(name, { get, set, changeable: set !== undefined })
  }

  /** A use of `$name`; the same object for the same name. */
  reference(name: string): VariableReference {
    const key = name.toLowerCase()
    let reference = this.#references.get(key)
    if (reference === undefined) {
      reference = { name: key, get: unlinked }
      this.#references.set(key, reference)
    }
    return reference
  }

  /**
   * Defines a variable that configuration makes (map, geo, split_clients): computed by `get`. Returns false when the name
   * is taken by a built-in that may not be changed: `the duplicate "X" variable`.
   */
  define(name: string, get: VariableGetter): boolean {
    const key = name.toLowerCase()
    const present = this.#defined.get(key)
    if (present !== undefined && !present.changeable) return false
    if (present === undefined) this.#defined.set(key, { get, set: undefined, changeable: true })
    else present.get = get
    return true
  }

  /**
   * The variable that `set $name` assigns: a built-in's setter, or a slot made on first use. Returns undefined when a
   * built-in of that name may not be changed. `whenUnset` is read where nothing was assigned.
   */
  settable(
    name: string,
    whenUnset: VariableGetter = () => undefined,
  ): ((r: HttpRequest, value: string) => void) | undefined {
    const key = name.toLowerCase()
    const present = this.#defined.get(key)
    if (present?.set !== undefined) return present.set
    if (present !== undefined && !present.changeable) return undefined
    const { slot } = this.slot(key)
    const assign = (r: HttpRequest, value: string): void => writeSlot(r, slot, value)
    if (present === undefined) {
      const get: VariableGetter = (r) => readSlot(r, slot) ?? whenUnset(r)
      this.#defined.set(key, { get, set: assign, changeable: true })
    } else {
      // map and set of the same name: what was assigned wins, else the computed value.
      const computed = present.get
      present.get = (r) => readSlot(r, slot) ?? computed(r)
      present.set = assign
    }
    return assign
  }

  /** A slot by name, for values cached or assigned per request. */
  slot(name: string): SlotVariable {
    const key = name.toLowerCase()
    let variable = this.#slots.get(key)
    if (variable === undefined) {
      variable = { name: key, slot: this.#slots.size }
      this.#slots.set(key, variable)
    }
    return variable
  }

  /** Completes every reference. Throws `unknown "NAME" variable` (no file and line, as nginx). */
  link(): void {
    for (const reference of this.#references.values()) {
      const defined = this.#defined.get(reference.name)
      if (defined !== undefined) {
        reference.get = defined.get
        continue
      }
      const family = this.#families.find(([prefix]) => reference.name.startsWith(prefix))
      if (family === undefined) throw new ConfigError(`unknown "${reference.name}" variable`, undefined)
      reference.get = family[1](reference.name.slice(family[0].length))
    }
  }
}

export function readSlot(r: HttpRequest, slot: number): string | undefined {
  return r.main.slots?.[slot]
}

export function writeSlot(r: HttpRequest, slot: number, value: string): void {
  const main = r.main
  let slots = main.slots
  if (slots === undefined) {
    slots = []
    main.slots = slots
  }
  while (slots.length <= slot) slots.push(undefined)
  slots[slot] = value
}
