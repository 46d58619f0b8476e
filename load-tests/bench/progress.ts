// What is being done, on the terminal: one line that is rewritten, with the share that is done; without a terminal (CI, a
// file) a line for each step.

export interface Progress {
  /** Names the step that begins now. */
  step(text: string): void
  /** Says something that stays. */
  note(text: string): void
  /** Takes the line away. */
  end(): void
}

/** `steps` is how many calls of `step` there will be. */
export function startProgress(steps: number, out: NodeJS.WriteStream = process.stderr): Progress {
  const startedMs = performance.now()
  let done = 0
  const clear = () => {
    if (out.isTTY) out.write('\r\x1b[K')
  }
  return {
    step(text) {
      const seconds = Math.round((performance.now() - startedMs) / 1000)
      const left = done === 0 || done >= steps ? '' : `, ${Math.round((seconds / done) * (steps - done))} s left`
      const line = `[${++done}/${Math.max(done, steps)}, ${seconds} s${left}] ${text}`
      clear()
      out.write(out.isTTY ? line.slice(0, out.columns - 1) : `${line}\n`)
    },
    note(text) {
      clear()
      out.write(`${text}\n`)
    },
    end: clear,
  }
}
