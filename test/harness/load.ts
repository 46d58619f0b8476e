// A gentle load: some keep-alive clients that ask again and again until told to stop, and count what they get. For stories
// in which something happens meanwhile; measuring is load-tests' business.

import { Client } from './client.ts'
import { request } from './http_text.ts'

export interface LoadCounts {
  /** Answers by status. */
  readonly statuses: Map<number, number>
  /** Requests on a connection that ended without an answer. */
  lost: number
  /** New connections, the first ones included. */
  connections: number
}

export interface Load {
  readonly counts: LoadCounts
  /** Lets every client finish its request, then resolves. */
  stop(): Promise<LoadCounts>
}

/** `clients` connections to `port`, each asking `target` again as soon as it is answered. */
export function startLoad(port: number, clients: number, target: string | ((n: number) => string) = '/'): Load {
  const counts: LoadCounts = { statuses: new Map(), lost: 0, connections: 0 }
  let stopped = false
  let asked = 0
  const run = async (): Promise<void> => {
    let client: Client | undefined
    while (!stopped) {
      if (client === undefined || client.ended) {
        client?.destroy()
        client = await Client.connect(port)
        counts.connections++
      }
      const text = typeof target === 'string' ? target : target(asked)
      asked++
      client.send(request('GET', text))
      try {
        const response = await client.response({ limitMs: 15_000 })
        counts.statuses.set(response.status, (counts.statuses.get(response.status) ?? 0) + 1)
        if (response.header('connection') === 'close') await client.closed()
      } catch {
        counts.lost++
        client.destroy()
        client = undefined
      }
    }
    client?.destroy()
  }
  const all = Promise.all(Array.from({ length: clients }, run))
  return {
    counts,
    stop: async () => {
      stopped = true
      await all
      return counts
    },
  }
}
