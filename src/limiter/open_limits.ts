// The limits of a zone that somebody still holds: a zone that is closed closes them. Programs make limits as they go (one to
// forget a key, one for each request), so the zone must not be what keeps them.

interface Closable {
  close(): void
}

export class OpenLimits {
  readonly #limits = new Set<WeakRef<Closable>>()
  readonly #collected = new FinalizationRegistry<WeakRef<Closable>>((limit) => void this.#limits.delete(limit))

  add<T extends Closable>(limit: T): T {
    const reference = new WeakRef(limit)
    this.#limits.add(reference)
    this.#collected.register(limit, reference)
    return limit
  }

  closeAll(): void {
    for (const limit of this.#limits) limit.deref()?.close()
    this.#limits.clear()
  }
}
