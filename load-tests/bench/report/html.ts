// The run as one page that needs nothing else: no script, no style sheet, no font from elsewhere.

import type { Standing } from '../standing.ts'
import { type Bar, barChart, escapeHtml, rangeChart } from './chart.ts'
import { type BenchResult, figure, type ScenarioResult } from './result.ts'
import { COLUMNS, runText, versionsText } from './rows.ts'

const OWN = 'sluice'

export function html(result: BenchResult): string {
  const kind = (name: string) => (name === OWN ? 'own' : name === result.reference ? 'reference' : 'other')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>sluice: benchmark of ${escapeHtml(result.date)}</title>
<style>${STYLE}</style>
<h1>sluice beside other proxies</h1>
<p>${escapeHtml(runText(result))}. One worker each on one core; the load has another one.
<p class="small">${escapeHtml(versionsText(result))}
${overview(result)}
${result.results.map((one) => section(one, kind)).join('\n')}
</html>
`
}

/** CPU of a request against the reference, one bar for each scenario. */
function overview(result: BenchResult): string {
  const bars = result.results.flatMap(({ scenario, standings }): Bar[] => {
    const own = standings.find(({ contender }) => contender === OWN)
    if (own === undefined || !Number.isFinite(own.ratio)) return []
    const hint = `rounds from ${figure(own.leastRatio, 2)} to ${figure(own.mostRatio, 2)}`
    return [{ name: scenario, kind: 'own', parts: [own.ratio], label: `${figure(own.ratio, 2)} ×`, hint }]
  })
  return bars.length === 0
    ? ''
    : `<h2>At a glance</h2>${barChart(`CPU per request: sluice over ${result.reference}`, bars)}`
}

function section(result: ScenarioResult, kind: (name: string) => string): string {
  const { scenario, tells, connections, standings, absent } = result
  const bars = (make: (one: Standing) => { parts: readonly number[]; label: string; hint: string }): Bar[] =>
    standings.map((one) => ({ name: one.contender, kind: kind(one.contender), ...make(one) }))
  const cpu = bars(({ median, ratio }) => ({
    parts: [median.userUs, median.systemUs],
    label: `${figure(median.cpuUs, 1)}`,
    hint: `user ${figure(median.userUs, 1)}, system ${figure(median.systemUs, 1)} µs, ratio ${figure(ratio, 2)}`,
  }))
  const rate = bars(({ median }) => ({
    parts: [median.perSecond],
    label: figure(median.perSecond, 0),
    hint: `${figure(median.busy * 100, 0)} % of its core`,
  }))
  const memory = bars(({ median }) => {
    const { residentMb, proportionalMb, v8Mb } = median
    const v8 = Number.isFinite(v8Mb) ? v8Mb : 0
    const hint = `RSS ${figure(residentMb, 0)}, PSS ${figure(proportionalMb, 0)}, V8 ${figure(v8Mb, 0)} MB`
    return { parts: [v8, residentMb - v8], label: figure(residentMb, 0), hint }
  })
  const latency = standings.map(({ contender, median }) => ({
    name: contender,
    kind: kind(contender),
    valuesMs: [median.p50Ms, median.p99Ms, median.p999Ms],
  }))
  const missing = absent.map(({ contender, why }) => `${contender}: ${why}`).join('; ')
  return `<section>
<h2>${escapeHtml(scenario)}</h2>
<p class="small">${escapeHtml(tells)}; ${connections} connections${missing === '' ? '' : `. Not here: ${escapeHtml(missing)}`}
<div class="charts">
${barChart('CPU per request, µs: user, then system', cpu)}
${barChart('requests per second', rate)}
${rangeChart('latency: p50, p99, p99.9', latency)}
${barChart('resident memory, MB: V8, then the rest', memory)}
</div>
${table(standings)}
</section>`
}

function table(standings: readonly Standing[]): string {
  const heading = ['proxy', ...COLUMNS.map(({ title }) => title)].map((title) => `<th>${escapeHtml(title)}`)
  const rows = standings.map((one) => {
    const cells = [one.contender, ...COLUMNS.map(({ cell }) => cell(one))].map((text) => `<td>${escapeHtml(text)}`)
    return `<tr>${cells.join('')}`
  })
  return `<details><summary>Figures</summary><table><tr>${heading.join('')}${rows.join('')}</table></details>`
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #66717f; --line: #dfe4ea; --paper: #fff;
  --own: #0b7a75; --reference: #5b6b7d; --other: #b5bfca }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #93a0ae; --line: #2d3640; --paper: #14191f;
  --own: #35c4bb; --reference: #90a2b5; --other: #4a5663 } }
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 0 } p { margin: .3rem 0 }
.small { color: var(--soft); font-size: 13px }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: .6rem 2rem }
figure { margin: .8rem 0 0; max-width: 32rem } figcaption { font-size: 13px; font-weight: 600; margin-bottom: .2rem }
svg { width: 100%; height: auto; display: block } svg text { font-size: 12px; fill: var(--ink) }
svg .value { fill: var(--soft); font-variant-numeric: tabular-nums } svg .tick { fill: var(--soft); font-size: 10px; text-anchor: middle }
.grid { stroke: var(--line) } .own .name { font-weight: 700 }
.own { --fill: var(--own) } .reference { --fill: var(--reference) } .other { --fill: var(--other) }
rect { fill: var(--fill) } .part1 { opacity: .55 } .span { stroke: var(--fill); stroke-width: 2 }
circle { fill: var(--paper); stroke: var(--fill); stroke-width: 2 } .dot0 { fill: var(--fill) }
details { margin-top: .6rem; font-size: 13px } summary { cursor: pointer; color: var(--soft) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } th, td { padding: .15rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line) } th:first-child, td:first-child { text-align: left; padding-left: 0 }
`
