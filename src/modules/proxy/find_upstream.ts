// The group of peers for a host that is known only when the request is there.

import type { HttpRequest } from '../../http/request.ts'
import { ERROR } from '../../log/levels.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { type GroupRegistry, temporaryUpstream } from '../upstream/groups.ts'
import { type HostText, literalAddress } from '../upstream/host_text.ts'

/** A configured group, or a temporary one for an address; a number is the status that the request ends with. */
export function findUpstream(groups: GroupRegistry, place: HostText, r: HttpRequest): Upstream | number {
  const group = groups.find(place)
  if (group !== undefined) return group.upstream
  const address = literalAddress(place)
  if (address !== undefined) return temporaryUpstream(address.text, [address])
  r.log(ERROR, `no resolver defined to resolve ${place.host}`)
  return 502
}
