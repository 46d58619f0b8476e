// The figures as a table: for the terminal and for Markdown.

import type { Standing } from '../standing.ts'
import { type BenchResult, figure } from './result.ts'

interface Column {
  readonly title: string
  readonly cell: (standing: Standing) => string
}

export const COLUMNS: readonly Column[] = [
  { title: 'CPU µs', cell: ({ median }) => figure(median.cpuUs, 1) },
  { title: 'ratio', cell: ({ ratio }) => figure(ratio, 2) },
  {
    title: 'of rounds',
    cell: (one) => (Number.isFinite(one.ratio) ? `${figure(one.leastRatio, 2)}–${figure(one.mostRatio, 2)}` : '–'),
  },
  { title: 'req/s', cell: ({ median }) => figure(median.perSecond, 0) },
  { title: 'busy %', cell: ({ median }) => figure(median.busy * 100, 0) },
  { title: 'p50 ms', cell: ({ median }) => figure(median.p50Ms, 2) },
  { title: 'p99 ms', cell: ({ median }) => figure(median.p99Ms, 2) },
  { title: 'p99.9 ms', cell: ({ median }) => figure(median.p999Ms, 2) },
  { title: 'RSS MB', cell: ({ median }) => figure(median.residentMb, 0) },
  { title: 'PSS MB', cell: ({ median }) => figure(median.proportionalMb, 0) },
  { title: 'V8 MB', cell: ({ median }) => figure(median.v8Mb, 0) },
]

/** Rows of all scenarios; the first is the heading. */
export function resultRows(result: BenchResult): string[][] {
  const rows = [['scenario', 'proxy', ...COLUMNS.map(({ title }) => title)]]
  for (const { scenario, standings } of result.results) {
    for (const one of standings) rows.push([scenario, one.contender, ...COLUMNS.map(({ cell }) => cell(one))])
  }
  return rows
}

/** The run in one line. */
export function runText(result: BenchResult): string {
  return `${result.date}, ${result.machine}; ${result.rounds} rounds of ${result.seconds} s; medians, ratios to ${result.reference}`
}

/** Versions in one line. */
export function versionsText(result: BenchResult): string {
  return Object.entries(result.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
