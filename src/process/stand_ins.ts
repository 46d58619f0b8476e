// With `reuseport` each worker accepts on sockets of its own. When one is dead, connections are queued on them all the same;
// until its successor is READY a sibling accepts there as well. The master, which holds all sockets, asks it to with
// STAND_IN, a message for each socket, and releases it with STAND_DOWN.

import { type ChannelMessage, STAND_DOWN, STAND_IN } from './channel.ts'
import type { Cycle } from './cycle.ts'
import { isForWorker } from './listening_sockets.ts'
import type { Worker } from './workers.ts'

/** False: the worker's channel is full. */
type Send = (worker: Worker, message: ChannelMessage) => boolean

export class StandIns {
  readonly #send: Send
  /** Who stands in for the worker of that number. */
  readonly #duties = new Map<number, Worker>()
  #cycle: Cycle | undefined

  constructor(send: Send) {
    this.#send = send
  }

  /**
   * To be called when a worker of the cycle in force has died or become READY. `workers`: those of the cycle that live and
   * have not been told to end.
   */
  update(cycle: Cycle, workers: readonly Worker[]): void {
    // The generation that has left took its duties along.
    if (cycle !== this.#cycle) this.#duties.clear()
    this.#cycle = cycle
    const ready = workers.filter((worker) => worker.ready)
    const count = cycle.configuration.settings.core.workerProcesses
    for (let index = 0; index < count; index++) {
      const standIn = this.#duties.get(index)
      if (ready.some(({ data }) => data.index === index)) this.#release(index, standIn)
      else if (standIn === undefined || !ready.includes(standIn)) this.#appoint(cycle, index, count, ready)
    }
  }

  #release(index: number, standIn: Worker | undefined): void {
    if (standIn === undefined) return
    this.#send(standIn, { command: STAND_DOWN, pid: index, slot: 0, fd: -1 })
    this.#duties.delete(index)
  }

  #appoint(cycle: Cycle, index: number, count: number, ready: readonly Worker[]): void {
    this.#duties.delete(index)
    const standIn = ready[index % ready.length]
    if (standIn === undefined) return
    const requests = cycle.configuration.parsed.resources.listens
    for (const socket of cycle.sockets) {
      if (socket.share < 0 || !isForWorker(socket, index, count)) continue
      const slot = requests.indexOf(socket.request)
      // A full channel: the worker hangs. The next change finds somebody else, or its successor.
      if (!this.#send(standIn, { command: STAND_IN, pid: index, slot, fd: socket.fd })) return
    }
    this.#duties.set(index, standIn)
  }
}
