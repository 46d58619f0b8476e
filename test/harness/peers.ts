// Programs that tests compare sluice with, or need. On a developer's machine a missing one is a skip that says so; in CI it is a
// failure, since there everything can be installed.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const INSTALL = {
  nginx: 'apt-get install nginx',
  wrk: 'apt-get install wrk',
  'redis-server': 'apt-get install redis-server',
  perl: 'apt-get install perl-base',
  pm2: 'npm install --global pm2@7',
} as const

export type Peer = keyof typeof INSTALL

/** Full name of a peer program, or undefined (after saying so) when it is not installed. Throws in CI. */
export function findPeer(peer: Peer): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const path = dirs.map((dir) => join(dir, peer)).find((name) => existsSync(name))
  if (path !== undefined) return path
  const message = `${peer} is not installed (${INSTALL[peer]})`
  if (process.env['CI'] === 'true') throw new Error(message)
  process.stderr.write(`skipped: ${message}\n`)
  return undefined
}
