// A size that may be made of variables: limit_rate, proxy_limit_rate.

import type { ConfigCursor, Directive } from '../config/types.ts'
import { parseSize } from '../config/units.ts'
import type { Context } from './module.ts'
import type { HttpRequest } from './request.ts'
import { compileValue } from './value.ts'

/** Bytes for a request; what variables give that is not a size is logged and counts as 0. */
export type SizeValue = (r: HttpRequest) => number

type SizeFields<Conf> = { [K in keyof Conf]: SizeValue extends NonNullable<Conf[K]> ? K : never }[keyof Conf]

/** A directive that sets `field` once. A constant 0 is kept as undefined: there is nothing to ask at run time. */
export function sizeValueDirective<Conf extends object>(
  where: readonly Context[],
  field: SizeFields<Conf>,
): Directive<Conf> {
  return {
    in: where,
    args: 1,
    set(cf, own) {
      if (Object.hasOwn(own, field)) cf.failDirective('is duplicate')
      const fields = own as Record<PropertyKey, unknown>
      fields[field] = compileSize(cf, cf.args[1] ?? '')
    },
  }
}

function compileSize(cf: ConfigCursor, text: string): SizeValue | undefined {
  const value = compileValue(cf, text)
  if (value.constant !== undefined) {
    const size = parseSize(value.constant) ?? cf.failDirective('invalid value')
    return size === 0 ? undefined : () => size
  }
  return (r) => {
    const size = value.get(r)
    const bytes = parseSize(size)
    if (bytes === undefined) r.logError(`invalid size "${size}"`)
    return bytes ?? 0
  }
}
