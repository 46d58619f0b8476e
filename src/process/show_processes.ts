// `-s processes`: asks the running instance for its process table (table_report.ts) and prints every process's view of it.

import { connect } from 'node:net'
import { type ReportLine, reportAddress, type SlotView } from './table_report.ts'

/** A process that is well answers within milliseconds. */
const PATIENCE_MS = 5000
/** More than a table of 1024 rows. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20

type View = Extract<ReportLine, { kind: 'view' }>

/** The text for a terminal. Rejects with the system's Error when nobody can be asked. */
export async function showProcesses(masterPid: number): Promise<string> {
  return formatReport(parseReport(await askMaster(masterPid)))
}

/** Resolves when all processes have closed the connection, or when patience is over. */
function askMaster(masterPid: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(reportAddress(masterPid)).setEncoding('latin1').setTimeout(PATIENCE_MS)
    socket.on('data', (more: string) => {
      text += more
      if (text.length > MAX_ANSWER_BYTES) socket.destroy()
    })
    socket.on('timeout', () => socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

/** The last line may be cut off when patience was over. */
function parseReport(text: string): ReportLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ReportLine)
}

/** The master's view first, then those of the workers by slot. */
export function formatReport(lines: readonly ReportLine[]): string {
  const views = lines.filter((line): line is View => line.kind === 'view').sort((a, b) => a.slot - b.slot)
  const reached = new Set(lines.map((line) => (line.kind === 'reached' ? `${line.from} ${line.to}` : '')))
  const master = views.find(({ slot }) => slot < 0)
  const answered = new Set(views.map(({ slot }) => slot))
  const silent = (master?.table ?? []).filter(({ slot, writeFd }) => writeFd >= 0 && !answered.has(slot))
  return [
    ...views.map((view) => formatView(view, reached)),
    ...silent.map(({ slot, pid }) => `process ${pid} in slot ${slot} does not answer\n`),
  ].join('\n')
}

function formatView({ slot, pid, table }: View, reached: ReadonlySet<string>): string {
  const rows = table.map((row) => [
    row.slot,
    row.pid,
    fdText(row.writeFd),
    fdText(row.readFd),
    noteOn(row, slot, reached),
  ])
  const head = slot < 0 ? `master process ${pid}` : `worker process ${pid} in slot ${slot}`
  return [head, ...[['slot', 'pid', 'write', 'read', ''], ...rows].map(formatRow), ''].join('\n')
}

function noteOn(row: SlotView, viewer: number, reached: ReadonlySet<string>): string {
  if (viewer < 0) return row.state ?? ''
  if (row.slot === viewer) return 'itself'
  if (row.writeFd < 0) return 'gone'
  return reached.has(`${viewer} ${row.slot}`) ? 'answers' : 'does not answer'
}

function fdText(fd: number): string {
  return fd < 0 ? '-' : String(fd)
}

function formatRow([slot, pid, write, read, note]: readonly (string | number)[]): string {
  const columns = [
    String(slot).padStart(6),
    String(pid).padStart(8),
    String(write).padStart(7),
    String(read).padStart(6),
  ]
  return `${columns.join('')}  ${note}`.trimEnd()
}
