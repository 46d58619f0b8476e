// access: allow and deny by the client's address. The first rule that matches decides; none that matches allows.

import type { ConfigCursor } from '../../config/types.ts'
import type { Location } from '../../http/location.ts'
import {
  type Context,
  DECLINED,
  defineModule,
  type Handler,
  HTTP_SERVER_LOCATION,
  type HttpModule,
  OK,
} from '../../http/module.ts'
import { type Cidr, cidrContains, parseCidr, unmapped } from '../cidr.ts'

/** One allow or deny. */
interface Rule {
  readonly allows: boolean
  readonly match: 'all' | 'unix' | Cidr
}

export interface AccessConf {
  /** In order; a level with rules of its own ignores its parent's. */
  rules: readonly Rule[]
}

const WHERE: readonly Context[] = [...HTTP_SERVER_LOCATION, 'limit_except']

export const access: HttpModule<AccessConf> = defineModule<AccessConf>({
  name: 'access',
  defaults: { rules: [] },
  directives: {
    allow: { in: WHERE, args: 1, set: addRule },
    deny: { in: WHERE, args: 1, set: addRule },
  },
  phases: [{ at: 'access', build }],
})

function addRule(cf: ConfigCursor, own: Partial<AccessConf>): void {
  const [directive, word = ''] = cf.args
  const match =
    word === 'all' ? 'all' : word === 'unix:' ? 'unix' : (parseCidr(cf, word) ?? cf.fail(`invalid parameter "${word}"`))
  own.rules = [...(own.rules ?? []), { allows: directive === 'allow', match }]
}

function build({ rules }: Readonly<AccessConf>, location: Location): Handler | undefined {
  if (rules.length === 0) return undefined
  // With "satisfy any" somebody else may still consent: the phase tells what comes of it.
  const isFinal = location.core.satisfy === 'all'
  return (r) => {
    const address = unmapped(r.binaryRemoteAddr)
    for (const rule of rules) {
      if (!matches(rule, address)) continue
      if (rule.allows) return OK
      if (isFinal) r.logError('access forbidden by rule')
      return 403
    }
    return DECLINED
  }
}

/** The address of a unix socket's client has neither 4 nor 16 bytes. */
function matches({ match }: Rule, address: string): boolean {
  if (match === 'all') return true
  return match === 'unix' ? address.length !== 4 && address.length !== 16 : cidrContains(match, address)
}
