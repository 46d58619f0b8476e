// A Redis of our own on a free port of the loopback interface, without persistence; ended with the benchmark.

import { spawn } from 'node:child_process'
import { Redis } from 'ioredis'
import { findPeer } from '../../test/harness/peers.ts'
import { freePort } from '../../test/harness/ports.ts'
import { waitFor } from '../../test/harness/wait_for.ts'

export interface OwnRedis {
  readonly client: Redis
  readonly pid: number
  stop(): Promise<void>
}

/** undefined, and a line on stderr, where there is no redis-server. */
export async function startRedis(): Promise<OwnRedis | undefined> {
  const program = findPeer('redis-server')
  if (program === undefined) return undefined
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp']
  const server = spawn(program, args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  client.connect().catch(() => undefined)
  await waitFor('Redis', () => client.status === 'ready' || undefined)
  return {
    client,
    pid: server.pid ?? 0,
    stop: async () => {
      client.disconnect()
      server.kill()
      await ended
    },
  }
}
