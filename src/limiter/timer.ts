// Timers for any time: those of Node fire at once when they are set to more than 2^31 - 1 ms.

const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** Calls `run` after `ms`, unless the function that it returns is called before. */
export function callAfter(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout
  const set = (leftMs: number) => {
    const step = Math.min(leftMs, MAX_TIMEOUT_MS)
    timer = setTimeout(() => (leftMs > step ? set(leftMs - step) : run()), step)
  }
  set(ms)
  return () => clearTimeout(timer)
}
