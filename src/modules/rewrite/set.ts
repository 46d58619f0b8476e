// set and break.

import type { ConfigCursor } from '../../config/types.ts'
import { httpLevel } from '../../http/levels.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'
import { WARN } from '../../log/levels.ts'
import type { RewriteConf } from './index.ts'
import { type Instruction, NEXT, STOP } from './instructions.ts'

/** Appends to the list of the level being read. */
export function addInstruction(own: Partial<RewriteConf>, instruction: Instruction): void {
  own.list = [...(own.list ?? []), instruction]
}

/** `set $NAME VALUE` */
export function addSet(cf: ConfigCursor, own: Partial<RewriteConf>, warns: (r: HttpRequest) => boolean): void {
  const [, word = '', text = ''] = cf.args
  if (!word.startsWith('$') || word === '$') cf.fail(`invalid variable name "${word}"`)
  const name = word.slice(1)
  const assign =
    httpLevel(cf).variables.settable(name, (r) => {
      if (warns(r)) r.log(WARN, `using uninitialized "${name.toLowerCase()}" variable`)
      return ''
    }) ?? cf.fail(`the duplicate "${name}" variable`)
  const value = compileValue(cf, text)
  addInstruction(own, (r) => {
    assign(r, value.get(r))
    return NEXT
  })
}

/** `break`: the instructions behind it are not run, and a changed URI stays where it is. */
export function addBreak(_cf: ConfigCursor, own: Partial<RewriteConf>): void {
  addInstruction(own, (r) => {
    if (r.uriChanged) {
      r.validLocation = false
      r.uriChanged = false
    }
    return STOP
  })
}
