// A pause of any length. Node's timers take at most 2^31-1 ms (24.8 days) and fire at once for more, and limit_req can ask
// for more (1r/m with burst=40000): long pauses are a chain of timers.

const MAX_TIMER_MS = 2 ** 31 - 1

export class Delay {
  readonly #onElapsed: () => void
  #leftMs: number
  #timer: NodeJS.Timeout | undefined = undefined

  /** Calls `onElapsed` once after `delayMs`, unless cancelled. Keeps the process alive until then. */
  constructor(delayMs: number, onElapsed: () => void) {
    this.#leftMs = delayMs
    this.#onElapsed = onElapsed
    this.#arm()
  }

  /** Idempotent, also after it has elapsed. */
  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    const stepMs = Math.min(this.#leftMs, MAX_TIMER_MS)
    this.#leftMs -= stepMs
    this.#timer = setTimeout(() => this.#onTimer(), stepMs)
  }

  #onTimer(): void {
    if (this.#leftMs > 0) this.#arm()
    else this.#onElapsed()
  }
}
