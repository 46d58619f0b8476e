// `npm run bench [-- guard | scale | idle] [-- OPTIONS]`: dispatches to the benchmark's commands, which live in bench/. All of them want
// two cores, wrk and nginx.

import { cpus } from 'node:os'
import { findPeer } from '../test/harness/peers.ts'
import { compare } from './bench/compare.ts'
import { guard } from './bench/guard.ts'
import { idle } from './bench/idle.ts'
import { scale } from './bench/scale.ts'
import { leaveNothingBehind } from './leave.ts'

/** Each resolves with whether what it checks holds. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  compare,
  guard,
  scale,
  idle,
}

leaveNothingBehind()

const [first = '', ...rest] = process.argv.slice(2)
const command = COMMANDS[first]

if (cpus().length < 2) throw new Error('the benchmark needs two cores: one for the proxy, one for the load')
if ([findPeer('nginx'), findPeer('wrk')].includes(undefined)) process.exitCode = 1
else if (command !== undefined) process.exitCode = (await command(rest)) ? 0 : 1
else process.exitCode = (await compare(process.argv.slice(2))) ? 0 : 1
