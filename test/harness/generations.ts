// Reloads one after the other, and what an instance holds between them: shows what each reload leaves behind.

import { allProcesses, childrenOf, descriptorCounts, descriptorLinks, residentBytes } from './processes.ts'
import type { ServerProcess } from './server_process.ts'
import { waitFor } from './wait_for.ts'

const PATIENCE_MS = 60_000

/** What all processes of an instance hold when no old worker is left. */
export interface Holdings {
  /** The master's descriptors by kind, as a text. */
  readonly master: string
  /** How many memories and logs the workers hold; sockets and temporary files depend on who asks for what. */
  readonly workerFiles: number
  readonly masterRss: number
  readonly workersRss: number
}

/** Generations that have become READY. */
export function generations(server: ServerProcess): number {
  return server.logLines(/worker processes are ready$/).length
}

/** SIGHUP; resolves when the new generation serves. Old workers may still have something to finish. */
export async function reloadOnce(server: ServerProcess): Promise<void> {
  const before = generations(server)
  server.signal('SIGHUP')
  await waitFor('the next generation', () => generations(server) > before, PATIENCE_MS)
}

/** Waits until the `workers` of one generation are alone, and looks. */
export async function holdings(server: ServerProcess, workers: number): Promise<Holdings> {
  const master = server.pid
  // Whoever has died is a child until the master has buried him.
  const isAlone = () => allProcesses().filter(({ parent }) => parent === master).length === workers
  await waitFor('the old workers to leave', isAlone, PATIENCE_MS)
  const children = childrenOf(master).map(({ pid }) => pid)
  const files = children.flatMap((pid) => descriptorLinks(pid).filter((link) => /^\/memfd:|\.log$/.test(link)))
  return {
    master: JSON.stringify([...descriptorCounts(master)].sort()),
    workerFiles: files.length,
    masterRss: residentBytes(master),
    workersRss: children.reduce((sum, pid) => sum + residentBytes(pid), 0),
  }
}
