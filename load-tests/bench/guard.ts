// `npm run bench -- guard`: catches what makes a request twice as dear. CPU per request of sluice over nginx's of the same
// run is compared with the ratio that guard.json holds, not with a time: a machine that is slow or busy is so for both.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../../test/harness/commands.ts'
import { tableLines } from '../table.ts'
import { NGINX_PEER, SLUICE } from './contenders/nginx_language.ts'
import { contest } from './contest.ts'
import { startOrigin } from './origin.ts'
import { startProgress } from './progress.ts'
import type { BenchScenario } from './scenario.ts'
import { limitedGet } from './scenarios/limited_get.ts'
import { newConnections } from './scenarios/new_connections.ts'
import { refusedUnlogged } from './scenarios/refused_unlogged.ts'
import { response100k } from './scenarios/response_100k.ts'
import { upload } from './scenarios/upload.ts'

/** Between them they go every way that bytes go. */
export const GUARDED: readonly BenchScenario[] = [limitedGet, refusedUnlogged, upload, response100k, newConnections]

const STORED = join(PACKAGE_ROOT, 'load-tests/guard.json')

const ROUNDS = 3
const SECONDS = 0.7
/** V8 compiles what is hot after some ten thousand requests; on a busy machine that takes its time. */
const WARM_UP = { seconds: 0.7, requests: 10_000, mostSeconds: 4 }

/** Above the noise of a machine that does other things, and below a doubling. */
export const GUARD_FACTOR = 1.7

export type GuardVerdict = 'holds' | 'FAILS' | 'better, store it'

/** What a ratio means beside the stored one. */
export function guardVerdict(ratio: number, stored: number): GuardVerdict {
  if (!(ratio <= stored * GUARD_FACTOR)) return 'FAILS'
  return ratio * GUARD_FACTOR < stored ? 'better, store it' : 'holds'
}

/** Runs the command. `--store` writes what was measured instead of comparing. */
export async function guard(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({ args: [...args], options: { store: { type: 'boolean', default: false } } })
  const stored = JSON.parse(readFileSync(STORED, 'utf8')) as Record<string, number>
  const origin = await startOrigin()
  const progress = startProgress(GUARDED.length * 2 * (ROUNDS + 1))
  const measure = async (scenario: BenchScenario): Promise<number> => {
    const [ours] = await contest(scenario, [SLUICE, NGINX_PEER], NGINX_PEER, {
      rounds: ROUNDS,
      seconds: SECONDS,
      warmUp: WARM_UP,
      connections: 32,
      originPort: origin.port('origin'),
      progress: (text) => progress.step(text),
    })
    return ours?.ratio ?? Number.NaN
  }
  const ratios = new Map<string, number>()
  try {
    for (const scenario of GUARDED) {
      let ratio = await measure(scenario)
      // What is twice as dear is so again; what the machine did meanwhile seldom is.
      if (!values.store && guardVerdict(ratio, stored[scenario.name] ?? 0) === 'FAILS') {
        progress.note(`${scenario.name}: ratio ${ratio.toFixed(2)}, once more`)
        ratio = Math.min(ratio, await measure(scenario))
      }
      ratios.set(scenario.name, ratio)
    }
  } finally {
    progress.end()
    await origin.stop()
  }
  if (values.store) {
    const rounded = [...ratios].map(([name, ratio]) => [name, Number(ratio.toFixed(2))])
    writeFileSync(STORED, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`)
    return true
  }
  return report(ratios, stored)
}

function report(ratios: ReadonlyMap<string, number>, stored: Readonly<Record<string, number>>): boolean {
  const rows = [...ratios].map(([name, ratio]) => {
    const kept = stored[name] ?? Number.NaN
    return [name, ratio.toFixed(2), kept.toFixed(2), (kept * GUARD_FACTOR).toFixed(2), guardVerdict(ratio, kept)]
  })
  for (const line of tableLines([['scenario', 'CPU to nginx’s', 'stored', 'at most', 'verdict'], ...rows])) {
    console.log(line)
  }
  const failed = rows.filter((row) => row[4] === 'FAILS').length
  console.log(`\n${rows.length - failed} passed, ${failed} failed`)
  return failed === 0
}
