// `npm run bench:decision [-- --quick] [-- --check]`: what one decision costs from JavaScript, for few and many keys, beside
// what Node has. Prints the access pattern and the loop's own cost with the figures, which are beyond that cost, and leaves
// all in reports/decision.json. With --check it fails when a bound of BOUNDS does not hold.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../test/harness/commands.ts'
import {
  type Contestant,
  emptyLoop,
  expressMemory,
  flexibleMemory,
  flexibleRedis,
  type Loop,
  sluice,
} from './decision/contestants.ts'
import { startRedis } from './decision/redis.ts'
import { type Contention, contend, median } from './decision/two_processes.ts'
import { makeKeys, makeWorkload, type Pattern, type Workload } from './decision/workload.ts'
import { tableLines } from './table.ts'

/** What the issue asks for. ns beyond the loop; ratios of figures of one run. */
const BOUNDS = { hotNs: 130, timesFasterHot: 3, uniformNs: 400, contention: 1.3 }
const FEW = 1000
const MANY = 100_000

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    keys: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 7 : 41))
const keyCounts = (values.keys ?? (values.quick ? `${FEW},${MANY}` : `${FEW},${MANY},1000000`)).split(',').map(Number)
const PATTERNS: readonly Pattern[] = ['hot', 'uniform']

interface Figure {
  readonly keys: number
  readonly pattern: Pattern
  readonly contestant: string
  /** Median ns of a turn of the loop, and of the loop that decides nothing. */
  readonly turnNs: number
  readonly loopNs: number
}

const beyond = ({ turnNs, loopNs }: Figure): number => turnNs - loopNs

/** ns per turn of a loop. */
async function timed(
  loop: Loop,
  workload: Workload,
  at: number,
  count: number,
  clock: 'cpu' | 'wall',
): Promise<number> {
  const wall = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  const sum = loop(workload, at, count)
  // Waiting for a number would cost a synchronous loop a turn of the queue.
  if (typeof sum !== 'number') await sum
  const { user, system } = process.cpuUsage(cpu)
  return (clock === 'cpu' ? (user + system) * 1000 : Number(process.hrtime.bigint() - wall)) / count
}

/** Rounds of all contestants in turn, so that what else the machine does meets all of them. */
async function compare(keys: readonly string[], contestants: readonly Contestant[]): Promise<Figure[]> {
  const started = []
  for (const contestant of contestants) started.push({ contestant, ...(await contestant.start(keys)) })
  const figures: Figure[] = []
  for (const pattern of PATTERNS) {
    const workload = makeWorkload(keys, pattern, 3)
    const turns = started.map((): number[] => [])
    const empty: number[] = []
    // The first two rounds compile the loops and are not counted.
    for (let round = -2; round < rounds; round++) {
      const at = round * 50_000 + 100_000
      const loopNs = await timed(emptyLoop, workload, at, 50_000, 'cpu')
      if (round >= 0) empty.push(loopNs)
      for (const [i, { contestant, loop }] of started.entries()) {
        const ns = await timed(loop, workload, at, contestant.count, contestant.clock)
        if (round >= 0) turns[i]?.push(ns)
      }
    }
    for (const [i, { contestant }] of started.entries()) {
      const turnNs = median(turns[i] ?? [])
      figures.push({ keys: keys.length, pattern, contestant: contestant.name, turnNs, loopNs: median(empty) })
    }
  }
  for (const { stop } of started) await stop()
  return figures
}

const redis = await startRedis()
const contestants = [sluice, flexibleMemory, expressMemory]
if (redis !== undefined) contestants.push(flexibleRedis(redis.client, 1), flexibleRedis(redis.client, 64))
const chosen = contestants.filter(({ name }) => name.includes(values.only))

const figures: Figure[] = []
const contentions: (Contention & { keys: number; pattern: Pattern })[] = []
for (const count of keyCounts) {
  const keys = makeKeys(count)
  process.stderr.write(`${count} keys\n`)
  // Two processes first: the garbage of the others is not theirs.
  for (const pattern of PATTERNS) contentions.push({ keys: count, pattern, ...(await contend(keys, pattern, rounds)) })
  figures.push(...(await compare(keys, chosen)))
}
await redis?.stop()

const PATTERN_TEXT = { hot: 'the k-th most popular key has a share of 1/k', uniform: 'each key as often as any other' }
console.log(`medians of ${rounds} rounds, ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`)
for (const pattern of PATTERNS) console.log(`${pattern}: ${PATTERN_TEXT[pattern]}`)
console.log('\nOne decision from JavaScript, in ns beyond the loop that only picks a key:\n')
const oursBeside = (figure: Figure): Figure =>
  figures.find(({ keys, pattern }) => keys === figure.keys && pattern === figure.pattern) ?? figure
for (const line of tableLines([
  ['keys', 'picked', 'by', 'ns', 'x sluice', 'loop alone ns'],
  ...figures.map((figure) => [
    figure.keys,
    figure.pattern,
    figure.contestant,
    Math.round(beyond(figure)),
    Number((beyond(figure) / beyond(oursBeside(figure))).toFixed(1)),
    Number(figure.loopNs.toFixed(1)),
  ]),
])) {
  console.log(line)
}
console.log('\nTwo processes on one zone, in thousands of decisions a second:\n')
for (const line of tableLines([
  ['keys', 'picked', 'one', 'two', 'ratio', 'windows', 'disturbed', 'lock spins', 'sleeps'],
  ...contentions.map(({ keys, pattern, alone, together, ratio, windows, disturbed, spins, sleeps }) => [
    keys,
    pattern,
    Math.round(alone / 1000),
    Math.round(together / 1000),
    Number(ratio.toFixed(2)),
    windows,
    disturbed,
    spins,
    sleeps,
  ]),
])) {
  console.log(line)
}

mkdirSync(join(PACKAGE_ROOT, 'reports'), { recursive: true })
const report = { rounds, node: process.version, figures, contentions }
writeFileSync(join(PACKAGE_ROOT, 'reports/decision.json'), JSON.stringify(report, null, 2))

/** Whether each bound holds; one whose figures were not measured is left out. */
function* verdicts(): Generator<{ text: string; holds: boolean }> {
  const ours = (keys: number, pattern: Pattern): Figure | undefined =>
    figures.find((f) => f.keys === keys && f.pattern === pattern && f.contestant === sluice.name)
  const few = ours(FEW, 'hot')
  const theirs = figures.find((f) => f.keys === FEW && f.pattern === 'hot' && f.contestant === flexibleMemory.name)
  const many = ours(MANY, 'uniform')
  if (few !== undefined) {
    yield {
      text: `${FEW} hot keys: ${beyond(few).toFixed(0)} <= ${BOUNDS.hotNs} ns`,
      holds: beyond(few) <= BOUNDS.hotNs,
    }
  }
  if (few !== undefined && theirs !== undefined) {
    const times = beyond(theirs) / beyond(few)
    const text = `${times.toFixed(1)} >= ${BOUNDS.timesFasterHot} times faster than ${theirs.contestant}`
    yield { text, holds: times >= BOUNDS.timesFasterHot }
  }
  if (many !== undefined) {
    const text = `${MANY} uniform keys: ${beyond(many).toFixed(0)} <= ${BOUNDS.uniformNs} ns`
    yield { text, holds: beyond(many) <= BOUNDS.uniformNs }
  }
  for (const { keys, pattern, ratio } of contentions) {
    if ((keys !== FEW || pattern !== 'hot') && (keys !== MANY || pattern !== 'uniform')) continue
    const text = `two processes, ${keys} ${pattern} keys: ${ratio.toFixed(2)} >= ${BOUNDS.contention} times one`
    yield { text, holds: ratio >= BOUNDS.contention }
  }
}

console.log()
for (const { text, holds } of verdicts()) {
  console.log(`${holds ? 'holds' : 'FAILS'}  ${text}`)
  if (values.check && !holds) process.exitCode = 1
}
