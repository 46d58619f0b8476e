// Levels: one object per `{ ... }` of the configuration, and the rule by which a level takes over what it leaves unset.
// A partial configuration never holds `undefined` under a key: unset is an absent key, which makes the spread below
// exact.

import type { Context, Level } from './types.ts'

/** An empty level below `parent`, for `cf.block`. */
export function newLevel(context: Context, parent: Level | undefined): Level {
  return { context, parent, own: [] }
}

/**
 * What `owner` has set at that level; undefined when it has set nothing. For reading after parsing: `cf.own` creates.
 */
export function ownOf<Conf extends object>(level: Level, owner: { readonly id: number }): Partial<Conf> | undefined {
  return level.own[owner.id] as Partial<Conf> | undefined
}

/**
 * nginx's merge: what the level has set, else the parent's value (the parent of the outermost level: the defaults).
 * Frozen.
 */
export function mergeLevel<Conf extends object>(
  parent: Readonly<Conf>,
  own: Partial<Conf> | undefined,
): Readonly<Conf> {
  return Object.freeze({ ...parent, ...own })
}
