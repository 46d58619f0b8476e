// Bytes at a rate (spec limit-conn-rate.md part B): limit_rate towards a client, proxy_limit_rate from an upstream. In each
// second that has begun so many bytes may pass; what comes earlier waits here, and whoever brings it is asked to pause. So
// what waits is bounded by what the producer writes in spite of that.

import { eventMs } from '../log/clock.ts'

/** Where paced bytes go. */
export interface PacedOutput {
  /** False: full; call `pump` when there is room again. The chunk is always taken. */
  write(chunk: Buffer | string): boolean
  flush(): void
  /** Bytes so far, those before the first paced one included. */
  readonly bytesSent: number
}

export class Pacer {
  readonly #output: PacedOutput
  readonly #rate: number
  readonly #free: number
  readonly #startSec: number
  /** All that was written has passed, after some of it had to wait. */
  readonly #onEmpty: () => void
  #waiting: (Buffer | string)[] = []
  #timer: NodeJS.Timeout | undefined = undefined
  #full = false

  /** `rate` in bytes per second, above 0; the first `free` bytes are not counted; seconds are whole ones since `startMs`. */
  constructor(output: PacedOutput, rate: number, free: number, startMs: number, onEmpty: () => void) {
    this.#output = output
    this.#rate = rate
    this.#free = free
    this.#startSec = Math.floor(startMs / 1000)
    this.#onEmpty = onEmpty
  }

  /** Something waits. */
  get busy(): boolean {
    return this.#waiting.length > 0
  }

  /** False: something waits now, and `onEmpty` comes. `chunk` is valid during the call only, and copied if it must wait. */
  write(chunk: Buffer | string): boolean {
    const rest = this.busy ? chunk : this.#pass(chunk)
    if (rest !== undefined) this.#waiting.push(typeof rest === 'string' ? rest : Buffer.from(rest))
    if (!this.busy && !this.#isPaused()) return true
    // The next bytes may be long in coming: what has passed must not wait for them.
    this.#output.flush()
    return false
  }

  /** The output has room again. */
  pump(): void {
    this.#full = false
    if (this.#isPaused()) return
    while (this.busy) {
      const rest = this.#pass(this.#waiting[0] as Buffer | string)
      if (rest === undefined) this.#waiting.shift()
      else {
        this.#waiting[0] = rest
        break
      }
    }
    this.#output.flush()
    if (!this.busy && !this.#isPaused()) this.#onEmpty()
  }

  /** Nothing waits any more, and nothing is called. */
  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting = []
  }

  /** A function, since what it answers changes within a call of ours. */
  #isPaused(): boolean {
    return this.#timer !== undefined || this.#full
  }

  /** Lets through what may pass now; what is left of the chunk, or undefined. */
  #pass(chunk: Buffer | string): Buffer | string | undefined {
    if (this.#isPaused()) return chunk
    const seconds = Math.floor(eventMs() / 1000) - this.#startSec + 1
    const before = this.#output.bytesSent
    const budget = this.#rate * seconds - (before - this.#free)
    if (budget <= 0) {
      this.#pause(Math.floor((-budget * 1000) / this.#rate) + 1)
      return chunk
    }
    const isWhole = chunk.length <= budget
    if (!this.#output.write(isWhole ? chunk : sliceOf(chunk, 0, budget))) this.#full = true
    const counted = Math.max(0, this.#output.bytesSent - this.#free) - Math.max(0, before - this.#free)
    const pauseMs = Math.floor((counted * 1000) / this.#rate)
    if (pauseMs > 0) this.#pause(pauseMs)
    return isWhole ? undefined : sliceOf(chunk, budget, chunk.length)
  }

  #pause(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (!this.#full) this.pump()
    }, ms)
  }
}

function sliceOf(chunk: Buffer | string, start: number, end: number): Buffer | string {
  return typeof chunk === 'string' ? chunk.slice(start, end) : chunk.subarray(start, end)
}
