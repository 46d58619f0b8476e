// From the moment on that a process of ours can act on signals.

import { addon } from '../native/addon.ts'

/** Called with the number of a signal and the pid of its sender, 0 if unknown. */
export type OnSignal = (signal: number, senderPid: number) => void

/** Catches the signals of `watched`, for as long as the process lives, and ignores those of `ignored`. */
export function watchSignals(watched: readonly number[], ignored: readonly number[], onSignal: OnSignal): void {
  for (const signal of ignored) addon.ignoreSignal(signal)
  addon.watchSignals(watched, onSignal)
}
