import { describe, expect, test } from 'vitest'
import { html } from '../../../load-tests/bench/report/html.ts'
import type { BenchResult } from '../../../load-tests/bench/report/result.ts'
import { resultRows } from '../../../load-tests/bench/report/rows.ts'
import { summary } from '../../../load-tests/bench/report/summary.ts'
import { type Sample, standing } from '../../../load-tests/bench/standing.ts'

const nginx: Sample = {
  cpuUs: 20,
  userUs: 5,
  systemUs: 15,
  perSecond: 30_000,
  p50Ms: 0.5,
  p99Ms: 2,
  p999Ms: 9,
  busy: 0.8,
  residentMb: 8,
  proportionalMb: 5,
  v8Mb: Number.NaN,
}
const sluice: Sample = { ...nginx, cpuUs: 25, userUs: 12, systemUs: 13, residentMb: 80, v8Mb: 30 }

const RESULT: BenchResult = {
  date: '2026-01-02',
  machine: 'a machine <b>',
  rounds: 1,
  seconds: 2,
  reference: 'nginx',
  versions: { sluice: '1', nginx: '2' },
  results: [
    {
      scenario: 'small GET',
      tells: 'a & b',
      connections: 64,
      standings: [standing('sluice', [sluice], [nginx]), standing('nginx', [nginx], [nginx])],
      absent: [{ contender: 'Caddy', why: 'no limit' }],
    },
  ],
}

describe('the report', () => {
  test('has a row for each standing, and a dash for what is unknown', () => {
    const [heading = [], ours = [], theirs = []] = resultRows(RESULT)
    const cell = (row: readonly string[], title: string) => row[heading.indexOf(title)]
    expect([cell(ours, 'proxy'), cell(ours, 'ratio'), cell(ours, 'V8 MB')]).toEqual(['sluice', '1.25', '30'])
    expect([cell(theirs, 'proxy'), cell(theirs, 'ratio'), cell(theirs, 'V8 MB')]).toEqual(['nginx', '1.00', '–'])
  })

  test('as Markdown has the facts of the run, and a table for each figure with a dash for who was absent', () => {
    const text = summary({ ...RESULT, versions: { ...RESULT.versions, Caddy: '3' } })
    expect(text).toContain('2026-01-02, a machine <b>; 1 rounds of 2 s')
    expect(text).toContain('| scenario | sluice | nginx | Caddy |')
    expect(text).toContain('| small GET | 25.0 (1.25) | 20.0 (1.00) | – |')
    expect(text).toContain('| small GET | 80 / 5 / 30 | 8 / 5 / – | – |')
  })

  test('as a page asks for nothing from elsewhere', () => {
    expect(html(RESULT)).not.toMatch(/<script|<link|\bsrc=|\bhref=|url\(|@import/)
  })

  test('as a page has text escaped, and names who was absent', () => {
    const page = html(RESULT)
    expect(page).toContain('a machine &lt;b&gt;')
    expect(page).toContain('a &amp; b; 64 connections. Not here: Caddy: no limit')
    expect(page).not.toContain('NaN')
  })

  test('draws bars in proportion: a fifth less time is a fifth less width', () => {
    const [cpu = ''] = /<figcaption>CPU per request, µs.*?<\/figure>/s.exec(html(RESULT)) ?? []
    const widths = [...cpu.matchAll(/width="([\d.]+)"/g)].map(([, width]) => Number(width))
    const [ourUser = 0, ourSystem = 0, theirUser = 0, theirSystem = 0] = widths
    expect((theirUser + theirSystem) / (ourUser + ourSystem)).toBeCloseTo(20 / 25, 2)
  })
})
