// What is known of a client's connection before it has said anything: the peer, the address that it came to and that
// address's default server, whose settings hold until a request names a host. Every protocol starts from here.

import { eventMs } from '../../log/clock.ts'
import { INFO } from '../../log/levels.ts'
import type { SocketFailure, SocketOwner } from '../../net/byte_socket.ts'
import { PlainSocket } from '../../net/plain_socket.ts'
import type { HttpAddress, HttpSocket } from '../addresses.ts'
import type { CoreConf } from '../core_conf.ts'
import { type LocalName, localName } from './local_name.ts'

/** An accepted descriptor and its peer, as the acceptor brings them. */
export interface Accepted {
  readonly fd: number
  readonly address: string
  readonly port: number
  /** 4 or 16 bytes, or `unix:`. */
  readonly binary: string
}

export abstract class AcceptedConnection implements SocketOwner {
  readonly number: number
  readonly remoteAddr: string
  readonly remotePort: number
  readonly binaryRemoteAddr: string
  readonly startMs = eventMs()
  readonly ssl = false
  readonly debug: boolean
  readonly socket: PlainSocket
  /** The one that it came to, also when a wildcard's socket has accepted it. */
  protected readonly address: HttpAddress
  readonly #listener: HttpSocket
  #local: LocalName | undefined = undefined

  /** Takes over the descriptor; throws when the system refuses to watch it, then it is still the caller's. */
  constructor(listener: HttpSocket, { fd, address, port, binary }: Accepted, number: number, debug: boolean) {
    this.#listener = listener
    this.socket = PlainSocket.adopt(fd, this)
    this.remoteAddr = address
    this.remotePort = port
    this.binaryRemoteAddr = binary
    this.number = number
    this.debug = debug
    const first = listener.address ?? ([...(listener.specific?.values() ?? [])][0] as HttpAddress)
    this.address = listener.specific?.get(this.localAddr) ?? first
  }

  get listenText(): string {
    return this.#listener.request.text
  }

  get localAddr(): string {
    this.#local ??= localName(this.socket.fd, this.#listener.request)
    return this.#local.address
  }

  get localPort(): number {
    this.#local ??= localName(this.socket.fd, this.#listener.request)
    return this.#local.port
  }

  /** Configuration before the host is known: the default server's. */
  protected get defaultCore(): Readonly<CoreConf> {
    return this.address.defaultServer.location.core
  }

  /** A connection that ends before its first byte. */
  protected logWaiting(message: string): void {
    const { errorLog } = this.address.defaultServer.location
    const context = ` while waiting for request, client: ${this.remoteAddr}, server: ${this.listenText}`
    const log = this.debug ? errorLog?.verbose : errorLog
    log?.write(INFO, message + context, this.number)
  }

  /** It connected before it was ours. */
  onConnect(): void {}

  abstract onData(bytes: Buffer, start: number, end: number): void
  abstract onEnd(): void
  abstract onError(failure: SocketFailure): void
  abstract onDrain(): void
}
