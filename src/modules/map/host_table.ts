// Host names by wildcard: `*.x` and `.x` (anything below x), `x.*` (x under any top). The longest one that matches counts,
// and those at the front before those at the end. Names are lower case.

export class HostTable<T> {
  /** By what stands behind `*.`. */
  readonly #below = new Map<string, T>()
  /** By what stands before `.*`. */
  readonly #under = new Map<string, T>()

  isWildcard(name: string): boolean {
    return name.includes('*') || name.startsWith('.')
  }

  add(name: string, value: T): 'added' | 'taken' | 'invalid' {
    const { table, key } = this.#place(name)
    if (key === '' || key.includes('*') || key.includes('..') || key.includes('\0')) return 'invalid'
    if (table.has(key)) return 'taken'
    table.set(key, value)
    return 'added'
  }

  #place(name: string): { table: Map<string, T>; key: string } {
    if (name.startsWith('*.')) return { table: this.#below, key: name.slice(2) }
    if (name.startsWith('.')) return { table: this.#below, key: name.slice(1) }
    return { table: this.#under, key: name.endsWith('.*') ? name.slice(0, -2) : '' }
  }

  find(host: string): T | undefined {
    if (this.#below.size > 0) {
      // From the left: the first hit is the longest.
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const value = this.#below.get(host.slice(dot + 1))
        if (value !== undefined) return value
      }
    }
    if (this.#under.size > 0) {
      for (let dot = host.lastIndexOf('.'); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
        const value = this.#under.get(host.slice(0, dot))
        if (value !== undefined) return value
      }
    }
    return undefined
  }
}
