// if: a list of instructions that is run when a condition holds. In a location the block may hold other directives too; it
// is a location of its own then, which the request is switched to.

import { newLevel, ownOf } from '../../config/level.ts'
import type { ConfigCursor } from '../../config/types.ts'
import { LocationLevel, maybeLocationLevel } from '../../http/levels.ts'
import { type Condition, parseCondition } from './condition.ts'
import type { RewriteConf } from './index.ts'
import { NEXT, runInstructions } from './instructions.ts'
import { addInstruction } from './set.ts'

/** `if (CONDITION) { ... }`; `module` is the rewrite module, whose list the block fills. */
export function addIf(cf: ConfigCursor, own: Partial<RewriteConf>, module: { readonly id: number }): void {
  const holds = parseCondition(cf)
  const outer = maybeLocationLevel(cf)
  if (outer === undefined) addServerIf(cf, own, module, holds)
  else addLocationIf(cf, own, module, holds, outer)
}

function addServerIf(
  cf: ConfigCursor,
  own: Partial<RewriteConf>,
  module: { readonly id: number },
  holds: Condition,
): void {
  const level = newLevel('if_server', cf.level)
  cf.block(level)
  const list = ownOf<RewriteConf>(level, module)?.list ?? []
  addInstruction(own, (r, logs) => (holds(r, logs(r)) ? runInstructions(list, r, logs) : NEXT))
}

function addLocationIf(
  cf: ConfigCursor,
  own: Partial<RewriteConf>,
  module: { readonly id: number },
  holds: Condition,
  outer: LocationLevel,
): void {
  const level = new LocationLevel('if_location', outer, 'if', outer.name, cf.position)
  outer.locations.push(level)
  cf.block(level)
  const list = ownOf<RewriteConf>(level, module)?.list ?? []
  addInstruction(own, (r, logs) => {
    if (!holds(r, logs(r))) return NEXT
    // Merged and built long before a request can get here.
    if (level.location !== undefined) r.location = level.location
    return runInstructions(list, r, logs)
  })
}
