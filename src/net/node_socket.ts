// A socket of Node's as a ByteSocket, for what needs its streams: TLS.

import type { Socket } from 'node:net'
import { asSystemError, errnoText } from '../config/errno_text.ts'
import type { ByteSocket, SocketOwner } from './byte_socket.ts'

/** One for all: what a read brought is valid until its callback returns. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/** Options for opening a socket that is read into the shared buffer. */
export interface ReadOptions {
  readonly onread: { readonly buffer: Buffer; readonly callback: (size: number) => boolean }
}

export class NodeSocket implements ByteSocket {
  readonly #socket: Socket
  readonly #owner: SocketOwner
  #paused = false

  /** `open` makes the socket with the options that it is given; `ready` is the event of a connection that may be used. */
  constructor(open: (options: ReadOptions) => Socket, ready: 'connect' | 'secureConnect', owner: SocketOwner) {
    this.#owner = owner
    const socket = open({ onread: { buffer: READ_BUFFER, callback: (size) => this.#onRead(size) } })
    this.#socket = socket
    socket.on(ready, () => owner.onConnect())
    socket.on('end', () => owner.onEnd())
    socket.on('error', (error) => this.#onError(error))
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  writeText(text: string): void {
    this.#socket.write(text, 'latin1', this.#onWritten)
  }

  writeBytes(bytes: Buffer, stable: boolean): void {
    this.#socket.write(stable ? bytes : Buffer.from(bytes), this.#onWritten)
  }

  writeBoth(text: string, second: string | Buffer, stable: boolean): void {
    if (typeof second === 'string') {
      this.writeText(text + second)
      return
    }
    this.#socket.cork()
    this.writeText(text)
    this.writeBytes(second, stable)
    this.#socket.uncork()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #onRead(size: number): boolean {
    this.#owner.onData(READ_BUFFER, 0, size)
    return !this.#paused
  }

  /** Of each write; what went wrong is told by 'error'. */
  readonly #onWritten = (): void => {
    if (this.#socket.writableLength === 0 && !this.#socket.destroyed) this.#owner.onDrain()
  }

  #onError(error: Error): void {
    const system = asSystemError(error)
    this.#owner.onError({
      text: system === undefined ? error.message.trim() : errnoText(system),
      isSystem: system !== undefined,
      sending: (error as NodeJS.ErrnoException).syscall?.startsWith('write') === true,
      // A stream that has failed is over.
      readsOn: false,
    })
  }
}
