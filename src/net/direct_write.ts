// Writing to a socket without its stream: nearly every response fits into the kernel's buffer at once, and then a send is
// all there is to do. A stream write makes a request object, a callback and a tick for each, some 5 µs. Whatever the
// kernel does not take goes through the stream, which queues it, watches it and finds errors.
//
// Only for plain sockets (no TLS), and only while nothing is queued: order is kept because a queue is never overtaken.

import type { Socket } from 'node:net'
import { addon } from '../native/addon.ts'

/** Descriptor of a connected plain socket, or -1 when there is none to write to directly. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
}

/** `fd` is the socket's, or -1. After destroy() the number may belong to somebody else: destroyed sockets are left alone. */
export function writeText(socket: Socket, fd: number, text: string): void {
  let rest = text
  if (fd >= 0 && socket.writableLength === 0 && !socket.destroyed) {
    const sent = addon.sendText(fd, text)
    if (sent === text.length) return
    if (sent > 0) rest = text.slice(sent)
  }
  socket.write(rest, 'latin1')
}

/** As writeText. Bytes that must wait are copied, since `chunk` may lie in a shared buffer, unless it is `stable`. */
export function writeBytes(socket: Socket, fd: number, chunk: Buffer, stable = false): void {
  let rest = chunk
  if (fd >= 0 && socket.writableLength === 0 && !socket.destroyed) {
    const sent = addon.sendBytes(fd, chunk)
    if (sent === chunk.length) return
    if (sent > 0) rest = chunk.subarray(sent)
  }
  socket.write(stable ? rest : Buffer.from(rest))
}
