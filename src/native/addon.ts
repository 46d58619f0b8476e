// The typed face of the native addon (native/binding). Nothing here decides anything: every function is one
// system call, or one operation on a shared zone. Functions throw `NativeError` (code, errno, syscall) when the system
// refuses, a TypeError for wrong arguments; those on the request path return codes and never throw.

import type { LibraryFunctions, LimitFunctions } from './limit_functions.ts'
import { requireAddon } from './load.ts'
import type { MemoryFunctions, ProcessFunctions } from './process_functions.ts'
import type { ChannelFunctions, ListeningFunctions, PollFunctions, SendFunctions } from './socket_functions.ts'
import type { ConnZoneFunctions, ReqZoneFunctions, ZoneUseFunctions } from './zone_functions.ts'

export {
  LIMIT_NAME_NO_ROOM,
  LIMIT_NAME_OTHER_ALGORITHM,
  LIMIT_NO_MEMORY,
  LIMIT_NOT_ACCOUNTED,
  LIMIT_REJECTED,
} from './limit_codes.ts'
export type * from './limit_functions.ts'
export * from './socket_functions.ts'
export type * from './zone_functions.ts'

/**
 * What the addon throws when a system call fails: Node's own system errors, but with C's positive errno, as log lines
 * print it. The message is nginx's form: `bind() failed (98: Address already in use)`.
 */
export interface NativeError extends Error {
  /** `EADDRINUSE` */
  readonly code: string
  /** 98 */
  readonly errno: number
  /** The call that failed: `bind`, `listen`, `setsockopt(SO_REUSEPORT)` ... */
  readonly syscall: string
}

export interface Addon
  extends MemoryFunctions,
    ReqZoneFunctions,
    ConnZoneFunctions,
    ZoneUseFunctions,
    LimitFunctions,
    LibraryFunctions,
    ChannelFunctions,
    ListeningFunctions,
    SendFunctions,
    PollFunctions,
    ProcessFunctions {}

/** The loaded addon. Loading it is the first thing any role does; where there is none for this machine it fails here. */
export const addon: Addon = requireAddon()
