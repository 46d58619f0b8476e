// What a request knows of the connection it came on, whatever the protocol. Addresses are text as nginx prints them and,
// for keys, binary (4 or 16 bytes in a latin1 string; `unix:` for unix sockets).

export interface ClientConnection {
  /** Serial number of the connection over all workers of this configuration's life (`*N` in the error log). */
  readonly number: number
  readonly remoteAddr: string
  readonly remotePort: number
  readonly binaryRemoteAddr: string
  /** Text of the listening address for the error log before a request exists. */
  readonly listenText: string
  /** Local address of this connection: getsockname on first use. */
  readonly localAddr: string
  readonly localPort: number
  /** Requests on it so far, this one included. */
  readonly requests: number
  /** Wall clock in ms when it was accepted. */
  readonly startMs: number
  readonly ssl: boolean
  /** `debug_connection` names its client: its messages are written whatever their level. */
  readonly debug: boolean
  /** This request came in the same read as the one before ($pipe). */
  readonly pipelined: boolean
}
