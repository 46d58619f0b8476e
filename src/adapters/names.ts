// Keys and names that come from elsewhere, as a zone can keep them. A zone does not count empty keys nor very long ones, as
// nginx does not, and has names of at most 255 bytes; other limiters know no such bounds, and who has changed nothing but
// the store must not find that the longest key of all is free.

import { createHash } from 'node:crypto'

/** Below that many UTF-16 units no text has more than 65535 bytes, whatever its limit's name. */
const SHORT_KEY = 21_000
const MAX_NAME_BYTES = 255
/** No name of ours is empty, so it cannot be told from a key of this byte; who makes such a key shares the count. */
const EMPTY_KEY = '\0'

/** The key of another limiter: text, or what it takes for text, numbers for instance. */
export function storeKey(key: unknown): string {
  const text = typeof key === 'string' ? key : String(key)
  if (text.length > SHORT_KEY) return `sha256 ${digest(text)}`
  return text === '' ? EMPTY_KEY : text
}

/** The name of a limit that is made of the url of a route. */
export function limitName(text: string): string {
  return Buffer.byteLength(text) > MAX_NAME_BYTES ? `${text.slice(0, 40)}… ${digest(text)}` : text
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
