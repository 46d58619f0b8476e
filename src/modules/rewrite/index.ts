// rewrite: set, if, return, break and rewrite, run one after the other in the order in which they are written, first those
// of the server, then those of the location. Blocks of `if` are instructions of the list they stand in; in a location they
// are also locations of their own, which the request is switched to.

import { slotsFor } from '../../config/slots.ts'
import type { Location } from '../../http/location.ts'
import { type Context, defineModule, type Handler, type HttpModule } from '../../http/module.ts'
import { addIf } from './if.ts'
import { type Instruction, listHandler } from './instructions.ts'
import { addReturn } from './return.ts'
import { addRewrite } from './rewrite.ts'
import { addBreak, addSet } from './set.ts'

export interface RewriteConf {
  /** Of this very level: nested locations do not run their parent's. */
  list: readonly Instruction[]
  /** rewrite_log: what each regex did, at level notice. */
  log: boolean
  /** Reading a variable of `set` that was never assigned is worth a warning. */
  uninitializedWarning: boolean
}

const WHERE: readonly Context[] = ['server', 'if_server', 'location', 'if_location']
const WHERE_SWITCHES: readonly Context[] = ['http', ...WHERE]

const slot = slotsFor<RewriteConf>()

export const rewrite: HttpModule<RewriteConf> = defineModule<RewriteConf>({
  name: 'rewrite',
  defaults: { list: [], log: false, uninitializedWarning: true },
  merge: (parent, own) => ({ ...parent, ...own, list: own.list ?? [] }),
  directives: {
    rewrite: { in: WHERE, args: [2, 3], set: addRewrite },
    return: { in: WHERE, args: [1, 2], set: addReturn },
    break: { in: WHERE, args: 0, set: addBreak },
    set: { in: WHERE, args: 2, set: (cf, own) => addSet(cf, own, (r) => r.conf(rewrite).uninitializedWarning) },
    if: {
      in: ['server', 'location'],
      args: [1, Number.POSITIVE_INFINITY],
      block: true,
      set: (cf, own) => addIf(cf, own, rewrite),
    },
    rewrite_log: slot.flag(WHERE_SWITCHES, 'log'),
    uninitialized_variable_warn: slot.flag(WHERE_SWITCHES, 'uninitializedWarning'),
  },
  phases: [
    { at: 'server_rewrite', build: (conf, location) => build(conf, location, true) },
    { at: 'rewrite', build: (conf, location) => build(conf, location, false) },
  ],
})

/** The body of an `if` is run by the list around it, and a server's list once, before its locations are looked at. */
function build(conf: Readonly<RewriteConf>, { kind }: Location, isServerPhase: boolean): Handler | undefined {
  if (kind === 'if' || (kind === 'server') !== isServerPhase || conf.list.length === 0) return undefined
  return listHandler(conf.list, (r) => r.conf(rewrite).log)
}
