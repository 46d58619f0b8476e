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
  /** Starts the workers of the cycle in force once more. */
  startWorkers(): void
  /** Begins a reload; it ends by itself, and then sets `reloading` to false and calls `step`. Returns whether it has begun. */
  beginReload(): boolean
  reopenLogs(): void
  /** Starts the new binary; sets `newBinary` when it runs. */
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
  /** A new binary runs beside this master: reconfigure means going back to the workers of this one. */
  newBinary = false
  /** The workers have been told to quit, and none is started in their place. */
  noaccepting = false
  /** The new binary is gone, and the workers that made room for it are missing. */
  restart = false
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
      if (this.newBinary) this.#goBack()
      else this.#reload()
    }
    if (this.restart) {
      this.restart = false
      this.noaccepting = false
      actions.startWorkers()
      this.#live = true
    }
    if (this.reopen) {
      this.reopen = false
      actions.reopenLogs()
      actions.broadcast('USR1')
    }
    // While a generation is starting it is not decided which one these would be for.
    if (this.changeBinary && !this.reloading) {
      this.changeBinary = false
      actions.changeBinary()
    }
    if (this.noaccept && !this.reloading) {
      this.noaccept = false
      this.noaccepting = true
      actions.broadcast('QUIT')
    }
  }

  /** To be called when the new binary is gone, before the next step. */
  onNewBinaryExit(): void {
    this.newBinary = false
    this.#goBack()
  }

  /** nginx starts a second set of workers when the first one serves; what the operator wants is that one serves. */
  #goBack(): void {
    if (this.noaccepting) this.restart = true
  }

  #reload(): void {
    this.reloading = this.#actions.beginReload()
    if (this.reloading) this.#live = true
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
