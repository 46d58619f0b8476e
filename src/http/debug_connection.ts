// `debug_connection`: the clients whose connections are logged at level debug, whatever the logs' own levels are.

import { parseNetwork } from '../config/cidr.ts'

/** Is a client's address (or `unix:`) one of those? */
export type DebugMatcher = (remoteAddr: string) => boolean

/** For the addresses, networks and `unix:` of the directives; undefined when there are none, which is the rule. */
export function debugMatcher(directives: readonly string[]): DebugMatcher | undefined {
  if (directives.length === 0) return undefined
  const networks = directives.map((text) => parseNetwork(text)).filter((network) => network !== undefined)
  const matchesUnix = directives.includes('unix:')
  return (remoteAddr) => {
    const client = parseNetwork(remoteAddr)
    if (client === undefined) return matchesUnix
    return networks.some(({ family, address, prefixBits }) => {
      if (family !== client.family) return false
      const lowBits = BigInt(client.prefixBits - prefixBits)
      return client.address >> lowBits === address >> lowBits
    })
  }
}
