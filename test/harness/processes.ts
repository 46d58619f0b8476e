// Looks into /proc: who descends from whom, and who still holds a file of a directory. Linux only, as sluice is.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** One process as /proc/PID/stat tells it. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  readonly state: string
  /** Clock ticks (1/100 s) spent in user and kernel mode. */
  readonly userTicks: number
  readonly systemTicks: number
  /** Start time in ticks after boot: tells two processes with one pid apart. */
  readonly startTicks: number
}

/** undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name stands in parentheses and may hold anything; the fields start behind the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    userTicks: Number(fields[11]),
    systemTicks: Number(fields[12]),
    startTicks: Number(fields[19]),
  }
}

/** All running processes. */
export function allProcesses(): ProcessStat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((pid) => processStat(Number(pid))).filter((stat) => stat !== undefined)
}

/** Direct children of `pid` that are not zombies, oldest first. */
export function childrenOf(pid: number): ProcessStat[] {
  return allProcesses()
    .filter((stat) => stat.parent === pid && stat.state !== 'Z')
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
}

/** All descendants of `pid`. */
export function descendantsOf(pid: number): ProcessStat[] {
  const all = allProcesses()
  const found: ProcessStat[] = []
  let parents = [pid]
  while (parents.length > 0) {
    const children = all.filter((stat) => parents.includes(stat.parent))
    found.push(...children)
    parents = children.map((stat) => stat.pid)
  }
  return found
}

/** Is this very process (not a later one with its pid) still there and not a zombie? */
export function isAlive(stat: ProcessStat): boolean {
  const now = processStat(stat.pid)
  return now !== undefined && now.startTicks === stat.startTicks && now.state !== 'Z'
}

/** Pids of other processes with an open descriptor of `path` or below it. */
export function holdersOf(path: string): number[] {
  return holdersOfLink((link) => link === path || link.startsWith(`${path}/`))
}

/** Pids of other processes with a descriptor of the shared memory `name`. */
export function holdersOfMemory(name: string): number[] {
  return holdersOfLink((link) => link.startsWith(`/memfd:${name} `))
}

function holdersOfLink(isIt: (link: string) => boolean): number[] {
  return allProcesses()
    .map((stat) => stat.pid)
    .filter((pid) => pid !== process.pid && holds(pid, isIt))
}

function holds(pid: number, isIt: (link: string) => boolean): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => isIt(linkOf(`/proc/${pid}/fd/${fd}`)))
  } catch {
    return false // gone meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Resident memory of a process; 0 when it is gone. */
export function residentBytes(pid: number): number {
  try {
    const [, kb = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kb) * 1024
  } catch {
    return 0
  }
}

/** Has this process a handler for a signal? Says whether a starting one can be asked to leave already. */
export function catchesSignal(pid: number, signal: number): boolean {
  try {
    const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
  } catch {
    return false // gone meanwhile
  }
}

/** What the descriptors of a process from `from` on lead to; those that are closed while one looks are left out. */
export function descriptorLinks(pid: number, from = 0): string[] {
  const fds = readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) >= from)
  return fds.map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)).filter((link) => link !== '')
}

/** How many descriptors of each kind (`socket`, `memfd`, `file`, `anon_inode` ...) a process has: shows leaks. */
export function descriptorCounts(pid: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (const link of descriptorLinks(pid)) {
    const kind = link.startsWith('/memfd:') ? 'memfd' : link.startsWith('/') ? 'file' : (link.split(':')[0] ?? '')
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}
