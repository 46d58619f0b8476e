// Waiting for a generation of workers: the pid file and open ports tell only that the master is there.

import type { ServerProcess } from '../harness/server_process.ts'
import { waitFor } from '../harness/wait_for.ts'

/** Every worker is a program that starts, possibly on a machine that has much else to do. */
const PATIENCE_MS = 30_000

/** Resolves when as many generations as said (default: the first) have become ready. */
export async function serving(sluice: ServerProcess, generations = 1): Promise<void> {
  await waitFor(
    `${generations} generations of workers`,
    () => {
      return sluice.logLines(/worker processes are ready$/).length >= generations
    },
    PATIENCE_MS,
  )
}
