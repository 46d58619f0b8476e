// Field names that some part of sluice gives a meaning to, each with a small number. The scanner recognises them by hash
// while it reads a head, so that nobody looks a known field up by name on the request path.

export const UNKNOWN = 0
export const HOST = 1
export const CONNECTION = 2
export const CONTENT_LENGTH = 3
export const TRANSFER_ENCODING = 4
export const EXPECT = 5
export const UPGRADE = 6
export const KEEP_ALIVE = 7
export const PROXY_CONNECTION = 8
export const TE = 9
export const TRAILER = 10
export const CONTENT_TYPE = 11
export const CONTENT_RANGE = 12
export const RANGE = 13
export const IF_RANGE = 14
export const IF_MODIFIED_SINCE = 15
export const IF_UNMODIFIED_SINCE = 16
export const IF_MATCH = 17
export const IF_NONE_MATCH = 18
export const AUTHORIZATION = 19
export const PROXY_AUTHORIZATION = 20
export const COOKIE = 21
export const USER_AGENT = 22
export const REFERER = 23
export const X_FORWARDED_FOR = 24
export const SERVER = 25
export const DATE = 26
export const LOCATION = 27
export const SET_COOKIE = 28
export const LAST_MODIFIED = 29
export const ETAG = 30
export const ACCEPT_RANGES = 31
export const REFRESH = 32
export const STATUS = 33
export const X_PAD = 34
export const X_ACCEL_EXPIRES = 35
export const X_ACCEL_REDIRECT = 36
export const X_ACCEL_LIMIT_RATE = 37
export const X_ACCEL_BUFFERING = 38
export const X_ACCEL_CHARSET = 39
export const WWW_AUTHENTICATE = 40
export const CACHE_CONTROL = 41
export const EXPIRES = 42
export const CONTENT_ENCODING = 43
export const VARY = 44
export const LINK = 45

/** Lower-case names by id; the index is the constant above. */
export const HEADER_NAMES: readonly string[] = [
  '',
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'content-type',
  'content-range',
  'range',
  'if-range',
  'if-modified-since',
  'if-unmodified-since',
  'if-match',
  'if-none-match',
  'authorization',
  'proxy-authorization',
  'cookie',
  'user-agent',
  'referer',
  'x-forwarded-for',
  'server',
  'date',
  'location',
  'set-cookie',
  'last-modified',
  'etag',
  'accept-ranges',
  'refresh',
  'status',
  'x-pad',
  'x-accel-expires',
  'x-accel-redirect',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
  'www-authenticate',
  'cache-control',
  'expires',
  'content-encoding',
  'vary',
  'link',
]

/** Number of ids; the size of tables indexed by id. */
export const HEADER_IDS = HEADER_NAMES.length

/** The scanner's hash of a name: case-insensitive, 31 bits. */
export function hashName(name: string): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + (name.charCodeAt(i) | 0x20)) & 0x3fffffff
  return hash
}

/** Entries of the table below: so many, mixed so, that no two names share one (a test checks it). */
const ID_TABLE_SIZE = 1024

/** Place of a hash in the table. */
export function placeOf(hash: number): number {
  return (hash ^ (hash >>> 12)) & (ID_TABLE_SIZE - 1)
}

/** Hash by id, for confirming a candidate of the table. */
export const HEADER_HASHES: readonly number[] = HEADER_NAMES.map(hashName)

/** Id by place of the hash, UNKNOWN where there is none; a hit must be confirmed by hash and by name. */
export const ID_TABLE = new Uint8Array(ID_TABLE_SIZE)
for (let id = 1; id < HEADER_NAMES.length; id++) ID_TABLE[placeOf(HEADER_HASHES[id] as number)] = id

/** Id of a lower-case name, or UNKNOWN. */
export function headerId(lowerName: string): number {
  const id = ID_TABLE[placeOf(hashName(lowerName))] as number
  return HEADER_NAMES[id] === lowerName ? id : UNKNOWN
}
