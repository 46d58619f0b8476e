// Charts as inline SVG: horizontal bars, and ranges of percentiles on a logarithmic axis. Colours are classes of html.ts.

import { figure } from './result.ts'

const WIDTH = 460
const VALUE_WIDTH = 64
const ROW = 22
const BAR = 13
/** Of 12 px system-ui, on the safe side. */
const LETTER = 6.8

/** One row of a bar chart: its parts are drawn one after the other. */
export interface Bar {
  readonly name: string
  /** Class of the row: `own`, `reference` or `other`. */
  readonly kind: string
  /** Sizes of the parts; what is NaN is left out. */
  readonly parts: readonly number[]
  readonly label: string
  /** Shown when the mouse rests on the row. */
  readonly hint: string
}

/** Bars from zero, the longest as wide as the plot. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const sum = (bar: Bar) => bar.parts.filter(Number.isFinite).reduce((all, part) => all + part, 0)
  const most = Math.max(...bars.map(sum), Number.MIN_VALUE)
  const { left, plot } = columns(bars)
  const rows = bars.map((bar, i) => {
    let x = left
    const rects = bar.parts.filter(Number.isFinite).map((part, n) => {
      const width = (part / most) * plot
      const rect = `<rect class="part${n}" x="${px(x)}" y="${(ROW - BAR) / 2}" width="${px(width)}" height="${BAR}"/>`
      x += width
      return rect
    })
    return row(i, bar, `${rects.join('')}${text(x + 5, 'value', bar.label)}`)
  })
  return svg(title, rows, bars.length)
}

/** Percentiles of one contender in milliseconds, ascending. */
export interface Range {
  readonly name: string
  readonly kind: string
  readonly valuesMs: readonly number[]
}

const TICKS_MS = [0.01, 0.1, 1, 10, 100, 1000, 10_000]

/** A dot for each value on a logarithmic axis, the first filled, joined by a line. */
export function rangeChart(title: string, ranges: readonly Range[]): string {
  const all = ranges.flatMap(({ valuesMs }) => valuesMs).filter((ms) => ms > 0)
  const least = Math.max(...TICKS_MS.filter((tick) => tick <= Math.min(...all)), TICKS_MS[0] ?? 0)
  const most = TICKS_MS.find((tick) => tick >= Math.max(...all)) ?? Math.max(...all)
  const { left, plot } = columns(ranges)
  const scale = plot / (Math.log(most / least) || 1)
  const at = (ms: number) => left + Math.log(Math.max(ms, least) / least) * scale
  const height = ranges.length * ROW
  const grid = TICKS_MS.filter((tick) => tick >= least && tick <= most).map(
    (tick) =>
      `<line class="grid" x1="${px(at(tick))}" x2="${px(at(tick))}" y1="0" y2="${height}"/>` +
      `<text class="tick" x="${px(at(tick))}" y="${height + 12}">${tick} ms</text>`,
  )
  const rows = ranges.map((range, i) => {
    const xs = range.valuesMs.map(at)
    const line = `<line class="span" x1="${px(Math.min(...xs))}" x2="${px(Math.max(...xs))}" y1="${ROW / 2}" y2="${ROW / 2}"/>`
    const dots = xs.map((x, n) => `<circle class="dot${n}" cx="${px(x)}" cy="${ROW / 2}" r="${4.5 - n / 2}"/>`)
    const hint = range.valuesMs.map((ms) => `${figure(ms, 2)} ms`).join(' · ')
    return row(i, { ...range, hint }, `${line}${dots.reverse().join('')}`)
  })
  return svg(title, [...grid, ...rows], ranges.length, 16)
}

/** Where the plot begins, behind the longest name, and how wide it is. */
function columns(rows: readonly { readonly name: string }[]): { left: number; plot: number } {
  const left = Math.max(...rows.map(({ name }) => name.length)) * LETTER + 10
  return { left, plot: WIDTH - left - VALUE_WIDTH }
}

function row(index: number, { name, kind, hint }: { name: string; kind: string; hint: string }, inner: string): string {
  const shown = `<title>${escapeHtml(`${name}: ${hint}`)}</title>`
  return `<g class="row ${kind}" transform="translate(0 ${index * ROW})">${shown}${text(0, 'name', name)}${inner}</g>`
}

function text(x: number, kind: string, content: string): string {
  return `<text class="${kind}" x="${px(x)}" y="${ROW / 2 + 4}">${escapeHtml(content)}</text>`
}

function svg(title: string, content: readonly string[], rows: number, below = 0): string {
  const box = `viewBox="0 0 ${WIDTH} ${rows * ROW + below}"`
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><svg ${box} role="img" aria-label="${escapeHtml(title)}">${content.join('')}</svg></figure>`
}

function px(value: number): string {
  return value.toFixed(1)
}

export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
