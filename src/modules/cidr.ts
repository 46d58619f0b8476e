// Networks as configuration writes them (`10.0.0.0/8`, `::1`), and whether an address is in one. Addresses are binary:
// 4 or 16 bytes in a latin1 string, as $binary_remote_addr.

import { isIPv4, isIPv6 } from 'node:net'
import type { ConfigCursor } from '../config/types.ts'

export interface Cidr {
  /** Length 4 or 16; bits behind the prefix are 0. */
  readonly network: string
  readonly prefixBits: number
}

/** ADDRESS or ADDRESS/BITS; undefined = neither. Bits behind the prefix are dropped, with nginx's warning. */
export function parseCidr(cf: ConfigCursor, text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const allBits = address.length * 8
  if (slash < 0) return { network: address, prefixBits: allBits }
  const bits = text.slice(slash + 1)
  const prefixBits = /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefixBits < 0 || prefixBits > allBits) return undefined
  const network = masked(address, prefixBits)
  if (network !== address) cf.warn(`low address bits of ${text} are meaningless`)
  return { network, prefixBits }
}

/** Binary form of an address without brackets or zone, or undefined. */
export function parseAddress(text: string): string | undefined {
  if (isIPv4(text)) return String.fromCharCode(...text.split('.').map(Number))
  return isIPv6(text) && !text.includes('%') ? parseIPv6(text) : undefined
}

function parseIPv6(text: string): string {
  // A dotted tail is two groups.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const groups = dotted === null ? text : `${dotted[1]}${dottedGroups(dotted[2] ?? '')}`
  const [head = '', tail] = groups.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = new Array<string>(8 - before.length - after.length).fill('0')
  const all = tail === undefined ? before : [...before, ...zeros, ...after]
  return all.map((group) => twoBytes(Number.parseInt(group, 16))).join('')
}

function dottedGroups(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function twoBytes(value: number): string {
  return String.fromCharCode(value >> 8, value & 0xff)
}

const ZEROS = '\0'.repeat(16)

/** The address with the bits behind the prefix cleared. */
export function masked(address: string, prefixBits: number): string {
  const bytes = prefixBits >> 3
  const bits = prefixBits & 7
  const rest = address.length - bytes
  if (bits === 0) return rest === 0 ? address : address.slice(0, bytes) + ZEROS.slice(0, rest)
  const edge = address.charCodeAt(bytes) & (0xff00 >> bits) & 0xff
  return address.slice(0, bytes) + String.fromCharCode(edge) + ZEROS.slice(0, rest - 1)
}

/** True when a binary address of the same family lies in the network. */
export function cidrContains({ network, prefixBits }: Cidr, address: string): boolean {
  if (address.length !== network.length) return false
  const bytes = prefixBits >> 3
  if (address.slice(0, bytes) !== network.slice(0, bytes)) return false
  const bits = prefixBits & 7
  return bits === 0 || ((address.charCodeAt(bytes) ^ network.charCodeAt(bytes)) & (0xff00 >> bits) & 0xff) === 0
}

const MAPPED = `${'\0'.repeat(10)}\xff\xff`

/** An IPv4 address that an IPv6 socket shows (`::ffff:1.2.3.4`) as the IPv4 address that it is. */
export function unmapped(address: string): string {
  return address.length === 16 && address.startsWith(MAPPED) ? address.slice(12) : address
}
