// Which keys a decision benchmark asks for, and in what order. Everything is made before the clock runs: a loop that is
// measured only picks the next key.

/** How keys are picked: every key as often as any other, or the k-th most popular one with a share of 1/k (Zipf). */
export type Pattern = 'hot' | 'uniform'

export interface Workload {
  readonly pattern: Pattern
  readonly keys: readonly string[]
  /** Indices into `keys`; as many as there are picks before the order repeats. A power of two. */
  readonly order: Uint32Array
}

const ORDER_LENGTH = 1 << 20

/** Text addresses, as $remote_addr gives them. */
export function makeKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    // Through a Buffer: one flat string each, as those that a server reads from its sockets, not a rope of parts.
    return Buffer.from(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, 'latin1').toString('latin1')
  })
}

export function makeWorkload(keys: readonly string[], pattern: Pattern, seed: number): Workload {
  const random = xorshift(seed)
  const pick = pattern === 'uniform' ? () => Math.floor(random() * keys.length) : zipf(keys.length, random)
  return { pattern, keys, order: Uint32Array.from({ length: ORDER_LENGTH }, pick) }
}

/** Popularity has nothing to do with where a key lies in memory: ranks are spread over the keys. */
function zipf(count: number, random: () => number): () => number {
  const upTo = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) upTo[rank] = sum += 1 / (rank + 1)
  const keyOfRank = shuffled(count, xorshift(7))
  return () => {
    const point = random() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((upTo[middle] as number) < point) low = middle + 1
      else high = middle
    }
    return keyOfRank[low] as number
  }
}

function shuffled(count: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = order[i] as number
    order[i] = order[j] as number
    order[j] = swapped
  }
  return order
}

/** Numbers in [0, 1), the same for the same seed. */
function xorshift(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4294967296
  }
}
