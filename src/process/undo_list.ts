// How to take back what was done so far: each step of building a cycle says how to undo itself, and when a later step
// fails (or the new workers do not start) everything is undone, the last first.

export class UndoList {
  #steps: (() => void)[] = []

  add(undo: () => void): void {
    this.#steps.push(undo)
  }

  /** Undoes all steps; one that throws does not keep the others from being undone. */
  run(): void {
    for (const undo of this.#steps.splice(0).reverse()) {
      try {
        undo()
      } catch {
        // Closing and unlinking only: there is nothing better to do about a failure.
      }
    }
  }

  /** From now on there is nothing to undo. */
  clear(): void {
    this.#steps.length = 0
  }
}
