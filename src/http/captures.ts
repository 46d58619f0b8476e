// Named groups of regular expressions are variables: `(?<name>...)` defines $name when the regex is compiled and assigns
// it when it matches.

import type { ConfigCursor } from '../config/types.ts'
import { httpLevel } from './levels.ts'
import type { HttpRequest } from './request.ts'

/** Setters by group name. */
export type NamedCaptures = readonly (readonly [name: string, set: (r: HttpRequest, value: string) => void])[]

/** Declares the variables of a regex's named groups; undefined when it has none. */
export function hasNamedGroups(cf: ConfigCursor, regex: RegExp): NamedCaptures | undefined {
  const names = [...regex.source.matchAll(/\(\?<([A-Za-z_]\w*)>/g)].map((match) => match[1] as string)
  if (names.length === 0) return undefined
  const variables = httpLevel(cf).variables
  return names.map((name) => {
    const set = variables.settable(name) ?? cf.fail(`the duplicate "${name}" variable`)
    return [name, set] as const
  })
}

/** Assigns the variables of a match. */
export function storeNamedCaptures(r: HttpRequest, match: RegExpExecArray, captures: NamedCaptures): void {
  for (const [name, set] of captures) set(r, match.groups?.[name] ?? '')
}
