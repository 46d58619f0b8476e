// The decisions of the master: flags set by signals, dead children and alarms, and one function that acts on them in
// nginx's order. Knows no process, socket or clock; those are behind MasterActions, so that a test can drive it.
// Invariant: `step` runs after every change of a flag, and takes each flag back when it has been acted on.

/** What is sent to all workers. USR1 is the only one that does not end them. */
export type Broadcast = 'QUIT' | 'TERM' | 'KILL' | 'USR1'

export interface MasterActions {
  /** Buries dead children and respawns; true while any process of ours lives, or is about to. */
  reap(): boolean
  broadcast(signal: Broadcast): void
  closeListeningSockets(): void
  /** Gives up a reload in progress: its workers are from now on workers like all others. */
  abandonReload(): void
  /** Begins a reload; it ends by itself, and then sets `reloading` to false and calls `step`. Returns whether it has begun. */
  beginReload(): boolean
  reopenLogs(): void
  changeBinary(): void
  /** Calls `onAlarm` once after so many milliseconds. */
  setAlarm(delayMs: number): void
  exit(): void
}

/** TERM is repeated after these pauses and then becomes KILL, which is repeated with the last pause. */
const TERM_PAUSES_MS: readonly number[] = [150, 200, 400, 800, 1600]

export class MasterLoop {
  reaping = false
  terminate = false
  quit = false
  reconfigure = false
  reopen = false
  changeBinary = false
  noaccept = false
  /** A new generation is starting. Another reconfigure waits until it has started or failed. */
  reloading = false
  readonly #actions: MasterActions
  #live = true
  /** How often TERM or KILL was sent. */
  #terminations = 0
  #alarm = false

  constructor(actions: MasterActions) {
    this.#actions = actions
  }

  /** Acts on the flags. */
  step(): void {
    const actions = this.#actions
    if (this.reaping) {
      this.reaping = false
      this.#live = actions.reap()
    }
    if (this.terminate || this.quit) {
      this.#stop()
      return
    }
    if (this.reconfigure && !this.reloading) {
      this.reconfigure = false
      this.reloading = actions.beginReload()
      if (this.reloading) this.#live = true
    }
    if (this.reopen) {
      this.reopen = false
      actions.reopenLogs()
      actions.broadcast('USR1')
    }
    if (this.changeBinary) {
      this.changeBinary = false
      actions.changeBinary()
    }
    if (this.noaccept) {
      this.noaccept = false
      actions.broadcast('QUIT')
    }
  }

  onAlarm(): void {
    this.#alarm = true
    this.step()
  }

  #stop(): void {
    const actions = this.#actions
    if (this.reloading) {
      this.reloading = false
      actions.abandonReload()
    }
    if (!this.#live) {
      actions.exit()
      return
    }
    if (!this.terminate) {
      actions.broadcast('QUIT')
      actions.closeListeningSockets()
      return
    }
    // Other wake-ups (a worker has died, TERM came again) must not hurry the escalation.
    if (this.#terminations > 0 && !this.#alarm) return
    this.#alarm = false
    const pause = TERM_PAUSES_MS[this.#terminations]
    this.#terminations++
    actions.broadcast(pause === undefined ? 'KILL' : 'TERM')
    actions.setAlarm(pause ?? TERM_PAUSES_MS.at(-1)!)
  }
}
