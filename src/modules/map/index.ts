// map: a variable whose value depends on another value, by exact words, host name wildcards and regular expressions. Read
// lazily, once per request unless it is volatile.

import type { ConfigCursor } from '../../config/types.ts'
import { httpLevel } from '../../http/levels.ts'
import { defineModule, HTTP, type HttpModule } from '../../http/module.ts'
import { compileValue } from '../../http/value.ts'
import { readSlot, writeSlot } from '../../http/variables.ts'
import { readMapBody } from './body.ts'

export const map: HttpModule<object> = defineModule<object>({
  name: 'map',
  defaults: {},
  directives: {
    map: { in: HTTP, args: 2, block: true, set: readMap },
    // Sizes of nginx's hash tables: nothing to set here.
    map_hash_max_size: { in: HTTP, args: 1, set: () => undefined },
    map_hash_bucket_size: { in: HTTP, args: 1, set: () => undefined },
  },
})

/** `map SOURCE $NAME { ... }` */
function readMap(cf: ConfigCursor): void {
  const [, sourceText = '', word = ''] = cf.args
  const source = compileValue(cf, sourceText)
  if (!word.startsWith('$')) cf.fail(`invalid variable name "${word}"`)
  const name = word.slice(1)
  const { variables } = httpLevel(cf)
  // The slot that "set $NAME" would assign: what was assigned and what was computed are one and the same value.
  const { slot } = variables.slot(name)
  const { find, isVolatile } = readMapBody(cf)
  const isDefined = variables.define(name, (r) => {
    if (isVolatile) return find(r, source.get(r))
    let value = readSlot(r, slot)
    if (value === undefined) {
      value = find(r, source.get(r))
      writeSlot(r, slot, value)
    }
    return value
  })
  if (!isDefined) cf.fail(`the duplicate "${name}" variable`)
}
