// Networks as the configuration writes them (`10.0.0.0/8`, `::1`), checked without anything of src/net, which is above
// this layer. Only what debug_connection needs: is it one, and does it have bits outside its mask.

import { isIPv4, isIPv6 } from 'node:net'
import { parseInteger } from './units.ts'

export interface Network {
  readonly family: 'inet' | 'inet6'
  /** The address with the bits outside the mask cleared. */
  readonly address: bigint
  readonly prefixBits: number
  /** The address was written with bits outside the mask. */
  readonly hadLowBits: boolean
}

/** undefined: not an address, or a mask that is no number or too long. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const family = isIPv4(host) ? 'inet' : isIPv6(host) && !host.includes('%') ? 'inet6' : undefined
  if (family === undefined) return undefined
  const width = family === 'inet' ? 32 : 128
  const prefixBits = slash < 0 ? width : parseInteger(text.slice(slash + 1))
  if (prefixBits === undefined || prefixBits > width) return undefined
  const written = family === 'inet' ? ipv4Bits(host) : ipv6Bits(host)
  const lowBits = BigInt(width - prefixBits)
  const address = (written >> lowBits) << lowBits
  return { family, address, prefixBits, hadLowBits: address !== written }
}

function ipv4Bits(host: string): bigint {
  return host.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n)
}

function ipv6Bits(host: string): bigint {
  const [head = '', tail] = host.split('::')
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  const missing = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<bigint>(missing).fill(0n), ...after].reduce((bits, group) => (bits << 16n) | group, 0n)
}

/** 16-bit groups; an IPv4 address at the end makes two. */
function groupsOf(text: string): bigint[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)]
    const bits = ipv4Bits(group)
    return [bits >> 16n, bits & 0xffffn]
  })
}
