// A TCP or unix socket on the poller. A write goes straight into the kernel, since nearly everything fits into its buffer
// at once; what it does not take waits here until it has room. A net.Socket makes a request object, a callback and a tick
// for each write, and a crossing from libuv for each read: together a third of a small request.

import { constants } from 'node:os'
import { addon } from '../native/addon.ts'
import type { ByteSocket, SocketFailure, SocketOwner } from './byte_socket.ts'
import { NoSlotError } from './connection_slots.ts'
import { forgetSlot, type PollTarget, poller, watchSlot } from './poller.ts'

const { EMFILE, ENFILE } = constants.errno

export interface ConnectOptions {
  /** IP address, or path of a unix socket; then the port is 0. */
  readonly address: string
  readonly port: number
  /** IP address to connect from; '' = any. */
  readonly local: string
  /** 0 = any. */
  readonly localPort: number
  /** TCP keepalive probes. */
  readonly keepalive: boolean
}

export class PlainSocket implements ByteSocket, PollTarget {
  queuedBytes = 0
  /** The number may belong to somebody else once the socket is closed. */
  #fd: number
  #closed = false
  readonly #slot: number
  readonly #owner: SocketOwner
  /** Oldest first; undefined while nothing waits. */
  #queue: Buffer[] | undefined = undefined
  #paused = false
  /** Our side is to be shut when the queue is empty. */
  #ending = false
  /** A write has failed: nothing is written any more. */
  #writeError = 0

  private constructor(slot: number, fd: number, owner: SocketOwner) {
    this.#slot = slot
    this.#fd = fd
    this.#owner = owner
    if (slot >= 0) watchSlot(slot, this)
  }

  /** Takes over a connected, non-blocking descriptor. Throws what the system says; the descriptor is then the caller's. */
  static adopt(fd: number, owner: SocketOwner): PlainSocket {
    const slot = poller.add(fd)
    if (slot < 0) throw new Error(`epoll_ctl() failed (${errorText(-slot)})`)
    return new PlainSocket(slot, fd, owner)
  }

  /** Starts to connect. `owner` gets onConnect or onError, later in any case. Throws NoSlotError without a free descriptor. */
  static connect(to: ConnectOptions, owner: SocketOwner): PlainSocket {
    const slot = poller.connect(to.address, to.port, to.local, to.localPort, to.keepalive)
    if (-slot === EMFILE || -slot === ENFILE) throw new NoSlotError(`socket() failed (${errorText(-slot)})`)
    if (slot >= 0) return new PlainSocket(slot, poller.fd(slot), owner)
    const socket = new PlainSocket(-1, -1, owner)
    process.nextTick(failLater, socket, -slot, false)
    return socket
  }

  /** Descriptor, -1 when it is closed. */
  get fd(): number {
    return this.#fd
  }

  writeText(text: string): void {
    let sent = 0
    if (this.#writesAtOnce()) {
      sent = addon.sendText(this.#fd, text)
      if (sent === text.length) return
    }
    this.#keep(sent, () => Buffer.from(sent > 0 ? text.slice(sent) : text, 'latin1'))
  }

  writeBytes(bytes: Buffer, stable: boolean): void {
    let sent = 0
    if (this.#writesAtOnce()) {
      sent = addon.sendBytes(this.#fd, bytes)
      if (sent === bytes.length) return
    }
    this.#keep(sent, () => restOf(bytes, Math.max(0, sent), stable))
  }

  writeBoth(text: string, second: string | Buffer, stable: boolean): void {
    let sent = 0
    if (this.#writesAtOnce()) {
      sent = addon.sendBoth(this.#fd, text, second)
      if (sent === text.length + second.length) return
    }
    if (sent < text.length) this.#keep(sent, () => Buffer.from(sent > 0 ? text.slice(sent) : text, 'latin1'))
    const from = Math.max(0, sent - text.length)
    this.#keep(sent, () =>
      typeof second === 'string' ? Buffer.from(second.slice(from), 'latin1') : restOf(second, from, stable),
    )
  }

  pause(): void {
    if (this.#paused || this.#closed) return
    this.#paused = true
    poller.pause(this.#slot)
  }

  resume(): void {
    if (!this.#paused || this.#closed) return
    this.#paused = false
    poller.resume(this.#slot)
  }

  end(): void {
    if (this.#ending || this.#closed) return
    this.#ending = true
    if (this.#queue === undefined) poller.shutdown(this.#slot)
  }

  destroy(): void {
    if (this.#leave()) poller.closeSocket(this.#slot)
  }

  /** As destroy, by RST. */
  reset(): void {
    if (this.#leave()) poller.resetSocket(this.#slot)
  }

  // ── events of the poller ────────────────────────────────────────────────────────────────────────────────────────

  onConnected(): void {
    this.#owner.onConnect()
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#owner.onData(bytes, start, end)
  }

  onEnd(): void {
    this.#owner.onEnd()
  }

  onWritable(): void {
    const queue = this.#queue
    if (queue === undefined) return
    let gone = 0
    for (const bytes of queue) {
      const sent = addon.sendBytes(this.#fd, bytes)
      if (sent < 0) {
        this.#fail(-sent, true)
        return
      }
      this.queuedBytes -= sent
      if (sent < bytes.length) {
        queue[gone] = bytes.subarray(sent)
        break
      }
      gone++
    }
    if (gone < queue.length) {
      queue.splice(0, gone)
      poller.awaitWritable(this.#slot)
      return
    }
    this.#queue = undefined
    if (this.#ending) poller.shutdown(this.#slot)
    this.#owner.onDrain()
  }

  onFailed(errno: number): void {
    this.#fail(errno, false)
  }

  // ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #writesAtOnce(): boolean {
    return this.#queue === undefined && this.#writeError === 0 && !this.#closed
  }

  /** After a write of which the kernel took `sent` (or a negative errno): keeps the rest until there is room. */
  #keep(sent: number, rest: () => Buffer): void {
    if (this.#closed || this.#writeError !== 0) return
    if (sent < 0) {
      this.#writeError = -sent
      this.#drop()
      // Whoever writes is in the middle of something.
      process.nextTick(failLater, this, -sent, true)
      return
    }
    const bytes = rest()
    this.queuedBytes += bytes.length
    if (this.#queue === undefined) {
      this.#queue = [bytes]
      poller.awaitWritable(this.#slot)
    } else this.#queue.push(bytes)
  }

  #drop(): void {
    this.#queue = undefined
    this.queuedBytes = 0
  }

  /** False: it is closed already. */
  #leave(): boolean {
    if (this.#closed) return false
    this.#closed = true
    this.#fd = -1
    this.#drop()
    forgetSlot(this.#slot)
    return true
  }

  /** Tells the owner, unless it has given the socket up meanwhile. */
  failed(errno: number, sending: boolean): void {
    if (!this.#closed) this.#fail(errno, sending)
  }

  #fail(errno: number, sending: boolean): void {
    this.#writeError = errno
    this.#drop()
    const failure: SocketFailure = { text: errorText(errno), isSystem: true, sending, readsOn: sending }
    this.#owner.onError(failure)
  }
}

function failLater(socket: PlainSocket, errno: number, sending: boolean): void {
  socket.failed(errno, sending)
}

function restOf(bytes: Buffer, from: number, stable: boolean): Buffer {
  const rest = bytes.subarray(from)
  return stable ? rest : Buffer.from(rest)
}

function errorText(errno: number): string {
  return `${errno}: ${addon.strerror(errno)}`
}
