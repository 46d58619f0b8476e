// Longest prefix of a text among names that are known beforehand. Names lie sorted, each with the longest other name that it
// begins with. Every prefix of a text that is a name sorts at or before the text, and whatever sorts between begins with it
// too: so the answer is the last name that is not behind the text, or one of those that this name begins with. That costs
// the logarithm of their number, and one comparison for each name nested into another.

/** Of so few names the last one that fits is found sooner by trying each: comparing texts leaves compiled code. */
const FEW = 8

export class PrefixTable<T> {
  readonly #names: readonly string[]
  readonly #values: readonly T[]
  /** For each name the index of the longest other one that it begins with, or -1. */
  readonly #enclosing: Int32Array

  constructor(entries: ReadonlyMap<string, T>) {
    const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
    this.#names = sorted.map(([name]) => name)
    this.#values = sorted.map(([, value]) => value)
    this.#enclosing = new Int32Array(sorted.length)
    for (const [i, name] of this.#names.entries()) {
      // What encloses a name encloses all names between them: it is the one before, or encloses that.
      let outer = i - 1
      while (outer >= 0 && !name.startsWith(this.#names[outer] as string)) outer = this.#enclosing[outer] as number
      this.#enclosing[i] = outer
    }
  }

  /** The value of the longest name that `text` begins with. */
  find(text: string): T | undefined {
    const names = this.#names
    if (names.length <= FEW) {
      let last = names.length - 1
      while (last >= 0 && !text.startsWith(names[last] as string)) last--
      return this.#values[last]
    }
    let below = 0
    let above = names.length
    while (below < above) {
      const middle = (below + above) >> 1
      if ((names[middle] as string) <= text) below = middle + 1
      else above = middle
    }
    let i = below - 1
    while (i >= 0 && !text.startsWith(names[i] as string)) i = this.#enclosing[i] as number
    return this.#values[i]
  }
}
