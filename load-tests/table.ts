// A table for terminals: columns as wide as their widest cell, numbers to the right.

/** Lines of a table; the first row is the heading. */
export function tableLines(rows: readonly (readonly (string | number)[])[]): string[] {
  const texts = rows.map((row) => row.map(String))
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)))
  const isNumber = (i: number) => typeof rows[1]?.[i] === 'number'
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumber(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const [heading = [], ...body] = texts
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)]
}
