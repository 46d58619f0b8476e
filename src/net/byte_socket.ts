// A connected socket as both sides of the proxy use it: bytes in, bytes out, back-pressure both ways, and no streams. Two
// implementations: PlainSocket, on the poller, and NodeSocket, where Node's streams are needed (TLS).

/** Queued bytes above which a producer should wait for onDrain. */
export const HIGH_WATER_BYTES = 64 * 1024

/** What went wrong with a socket. */
export interface SocketFailure {
  /** As logs print it: `104: Connection reset by peer`; what is no system error has no number. */
  readonly text: string
  /** A system call has failed; else it is TLS. */
  readonly isSystem: boolean
  /** While sending. */
  readonly sending: boolean
  /** Sending has failed, but what the peer had sent before comes still; then the end or another failure is told. */
  readonly readsOn: boolean
}

/** Whoever reads the socket. After destroy() nothing is called any more. */
export interface SocketOwner {
  /** A socket that was opened by connecting is ready to be written to. */
  onConnect(): void
  /** bytes[start..end] have come. They are valid during the call only. */
  onData(bytes: Buffer, start: number, end: number): void
  /** The peer has shut its side. Ours is still open. */
  onEnd(): void
  /** The socket is of no use any more (but see `readsOn`); the owner destroys it. Never called from within a write. */
  onError(failure: SocketFailure): void
  /** All that was queued is with the kernel. */
  onDrain(): void
}

export interface ByteSocket {
  /** Bytes that wait for the kernel; new ones wait behind them. */
  readonly queuedBytes: number
  /** Text in latin1. Writing takes all, and is ignored on a socket that has failed or was destroyed. */
  writeText(text: string): void
  /** `stable`: the bytes will not change. Else those that must wait are copied. */
  writeBytes(bytes: Buffer, stable: boolean): void
  /** Both, in one system call if possible. */
  writeBoth(text: string, second: string | Buffer, stable: boolean): void
  /** No onData until resume(), but for what was read already: one read at most. */
  pause(): void
  resume(): void
  /** Shuts our side when all that is queued is out. */
  end(): void
  /** Closes at once; what is queued is lost. */
  destroy(): void
}
