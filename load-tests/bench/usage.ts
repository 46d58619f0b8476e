// What processes have used: CPU time and memory, out of /proc, and of Node's processes V8's share of the memory.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../test/harness/commands.ts'
import { descendantsOf, processStat } from '../../test/harness/processes.ts'

const MB = 1024 * 1024

export interface CpuTime {
  /** What the scheduler counted, to the nanosecond. */
  readonly totalUs: number
  /** In ticks of 1/100 s: how the total divides. */
  readonly userTicks: number
  readonly systemTicks: number
}

/** CPU time so far of a process and all that descend from it and still run. Throws when the process is gone. */
export function cpuTimeOf(pid: number): CpuTime {
  const root = processStat(pid)
  if (root === undefined) throw new Error(`process ${pid} is gone`)
  const sum = { totalUs: 0, userTicks: 0, systemTicks: 0 }
  for (const one of [root, ...descendantsOf(pid)]) {
    sum.totalUs += scheduledUs(one.pid)
    sum.userTicks += one.userTicks
    sum.systemTicks += one.systemTicks
  }
  return sum
}

/** Time on a core of all threads of a process. The process's own schedstat has its first thread only. */
function scheduledUs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1000)
    .reduce((sum, one) => sum + one, 0)
}

export interface Memory {
  /** Resident memory. */
  readonly residentMb: number
  /** The same, but what several processes share (Node's own text) is divided among them. */
  readonly proportionalMb: number
  /** What V8 holds for its heap, and what it keeps outside of it; undefined when it is no Node process. */
  readonly v8Mb?: number
}

/** Memory of one process now; `probeDir` is where memory_probe.cjs writes, if it was loaded. */
export function memoryOf(pid: number, probeDir?: string): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const mb = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? Number.NaN) / 1024
  const memory = { residentMb: mb('Rss'), proportionalMb: mb('Pss') }
  const note = probeDir === undefined ? '' : join(probeDir, `v8.${pid}`)
  return existsSync(note) ? { ...memory, v8Mb: Number(readFileSync(note, 'latin1')) / MB } : memory
}

/** NODE_OPTIONS by which a Node process tells V8's share of its memory; and the directory it tells it in. */
export function memoryProbe(dir: string): { nodeOptions: string; env: Record<string, string> } {
  const probe = join(PACKAGE_ROOT, 'load-tests/bench/memory_probe.cjs')
  return { nodeOptions: `--require=${probe}`, env: { SLUICE_BENCH_DIR: dir } }
}
