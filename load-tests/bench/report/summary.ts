// A run in a few small tables of Markdown, scenarios down and proxies across: for load-tests/README.md.

import type { Standing } from '../standing.ts'
import { type BenchResult, figure } from './result.ts'
import { runText, versionsText } from './rows.ts'

const TABLES: readonly { readonly title: string; readonly cell: (one: Standing) => string }[] = [
  {
    title: 'CPU per request, µs (ratio to REFERENCE)',
    cell: (one) => `${figure(one.median.cpuUs, 1)} (${figure(one.ratio, 2)})`,
  },
  { title: 'Requests per second', cell: ({ median }) => figure(median.perSecond, 0) },
  {
    title: 'Latency p50 / p99 / p99.9, ms',
    cell: ({ median }) => [median.p50Ms, median.p99Ms, median.p999Ms].map((ms) => figure(ms, 1)).join(' / '),
  },
  {
    title: 'Memory RSS / PSS / of it V8, MB',
    cell: ({ median }) =>
      [median.residentMb, median.proportionalMb, median.v8Mb].map((mb) => figure(mb, 0)).join(' / '),
  },
]

export function summary(result: BenchResult): string {
  const proxies = Object.keys(result.versions)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const tables = TABLES.flatMap(({ title, cell }) => [
    `**${title.replace('REFERENCE', result.reference)}**`,
    '',
    line(['scenario', ...proxies]),
    line(['---', ...proxies.map(() => '---:')]),
    ...result.results.map(({ scenario, standings }) => {
      const of = (name: string) => standings.find(({ contender }) => contender === name)
      return line([scenario, ...proxies.map((name) => cellOf(of(name), cell))])
    }),
    '',
  ])
  return [`${runText(result)}.`, `${versionsText(result)}.`, '', ...tables].join('\n')
}

/** A dash for who did not take part. */
function cellOf(standing: Standing | undefined, cell: (one: Standing) => string): string {
  return standing === undefined ? '–' : cell(standing)
}
