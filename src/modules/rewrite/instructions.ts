// A list of rewrite instructions at work. Each one says whether the list goes on; the run keeps what the list has decided
// so far. Not re-entrant state of its own: everything a request changes is in the request.

import { DECLINED, type Handler, type PhaseResult } from '../../http/module.ts'
import type { HttpRequest } from '../../http/request.ts'

/** Go on with the next instruction. */
export const NEXT = -1
/** The list is done; the request goes on. */
export const STOP = DECLINED

/**
 * NEXT, STOP, or how the request ends (a status, DONE). `logs`: rewrite_log is on in the location that the request is in.
 */
export type Instruction = (r: HttpRequest, logs: (r: HttpRequest) => boolean) => PhaseResult

/** Runs instructions until one of them does not say NEXT, and returns what it said. */
export function runInstructions(
  list: readonly Instruction[],
  r: HttpRequest,
  logs: (r: HttpRequest) => boolean,
): PhaseResult {
  for (let i = 0; i < list.length; i++) {
    const result = (list[i] as Instruction)(r, logs)
    if (result !== NEXT) return result
  }
  return NEXT
}

/** A phase handler for a list. */
export function listHandler(list: readonly Instruction[], logs: (r: HttpRequest) => boolean): Handler {
  return (r) => {
    const result = runInstructions(list, r, logs)
    return result === NEXT ? DECLINED : result
  }
}
