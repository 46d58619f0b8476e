// The process table as each process of a running instance sees it, for `-s processes`. Who asks connects to the master;
// the master writes its view and passes the connection itself to every worker, over the channels that are to be shown.
// A worker writes its view and passes the connection on to each worker that it can write to, which says that it was
// reached. When all have closed it, the answer is complete: nobody gathers, and whoever hangs is missed by who asks.

import { createServer, type Server, type Socket } from 'node:net'
import { addon } from '../native/addon.ts'

/** One slot as a process sees it. Descriptors are the viewer's own; -1 = it has none. */
export interface SlotView {
  readonly slot: number
  readonly pid: number
  /** Writes to the process in the slot. */
  readonly writeFd: number
  /** The other end: the master keeps it until the process is reaped, the process itself reads from it. */
  readonly readFd: number
  /** In the master only: what the process is, and its flags in words. */
  readonly state?: string
}

/** What comes over the connection, a JSON text per line. */
export type ReportLine =
  | {
      readonly kind: 'view'
      /** The viewer's own place; -1 = the master. */
      readonly slot: number
      readonly pid: number
      readonly table: readonly SlotView[]
    }
  /** Worker `from` has written to worker `to` over its channel, and was understood. */
  | { readonly kind: 'reached'; readonly from: number; readonly to: number }

/** In the abstract namespace: it needs no folder, and nothing is left of it when the process is killed. */
export function reportAddress(masterPid: number): string {
  return `\0sluice-processes-${masterPid}`
}

/**
 * Answers whoever is root or the user of this process. `onAsked` gets the connection's descriptor, which is closed when it
 * returns.
 */
export function serveReports(onAsked: (fd: number) => void, onError: (error: Error) => void): Server {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const fd = descriptorOf(socket)
    const user = addon.peerUser(fd)
    if (user === 0 || user === process.geteuid?.()) onAsked(fd)
    socket.destroy()
  })
  return server.on('error', onError).listen(reportAddress(process.pid))
}

/** Writes one line. Whoever does not read, or has gone, misses it. */
export function writeReport(fd: number, line: ReportLine): void {
  addon.sendText(fd, `${JSON.stringify(line)}\n`)
}

/** Node tells the descriptor of a socket to nobody; its handle has had it all the time. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle: { readonly fd: number } }
  return handle.fd
}
