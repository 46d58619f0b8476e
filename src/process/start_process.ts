// spawn() as every start of a process here uses it: a child that the system refuses is no child.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** A child that has been started; it may have ended since. */
export type StartedProcess = ChildProcess & { readonly pid: number }

/**
 * Undefined when the system refuses; why is told to `onError`, at once or a moment later. Node returns an object without a
 * pid then, whose kill() would go to pid 0 (Node 24): to all of our own process group.
 */
export function startProcess(
  file: string,
  words: readonly string[],
  options: SpawnOptions,
  onError: (error: Error) => void,
): StartedProcess | undefined {
  try {
    const child = spawn(file, words, options).on('error', onError)
    return isStarted(child) ? child : undefined
  } catch (error) {
    onError(error as Error)
    return undefined
  }
}

function isStarted(child: ChildProcess): child is StartedProcess {
  return child.pid !== undefined
}
