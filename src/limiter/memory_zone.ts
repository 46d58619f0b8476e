// A zone where there is no addon: the same decisions in the memory of one process (of one thread, to be exact), which is
// not what a zone is for, and so it says so once, loudly. Names are shared within the process, as a file's would be
// between processes, and like a file a zone outlives those who use it.

import type { MemoryKeys } from './memory_keys.ts'
import { checkTogether, MemoryLimit } from './memory_limit.ts'
import { MemoryNodes } from './memory_nodes.ts'
import { MemoryWindow } from './memory_window.ts'
import { checkZoneName, DEFAULT_SIZE_BYTES, MAX_LIMITS, parseSizeBytes } from './options.ts'
import type {
  CheckResult,
  Key,
  Limit,
  LimitOptions,
  WindowLimit,
  WindowOptions,
  Zone,
  ZoneOptions,
  ZoneStats,
} from './types.ts'

const zones = new Map<string, MemoryKeys>()
let warned = false

/**
 * Opens a zone in this process's memory. `nowMs` is for tests.
 * @throws TypeError or RangeError for wrong options; Error when the zone is there with another size
 */
export function openMemoryZone(name: string, options: ZoneOptions = {}, nowMs: () => number = monotonicMs): Zone {
  checkZoneName(name)
  const sizeBytes = options.size === undefined ? undefined : parseSizeBytes(options.size)
  const id = `${options.dir ?? ''}/${name}`
  let keys = zones.get(id)
  if (keys === undefined) {
    const counters = { passed: 0, delayed: 0, rejected: 0 }
    keys = { nodes: new MemoryNodes(sizeBytes ?? DEFAULT_SIZE_BYTES), nowMs, counters }
    zones.set(id, keys)
  } else if (sizeBytes !== undefined && sizeBytes !== keys.nodes.sizeBytes) {
    throw new Error(`zone "${name}" has ${keys.nodes.sizeBytes} bytes, not ${sizeBytes}`)
  }
  warnOnce(name)
  return new MemoryZone(name, id, keys)
}

class MemoryZone implements Zone {
  readonly name: string
  readonly path = undefined
  readonly #id: string
  readonly #keys: MemoryKeys

  constructor(name: string, id: string, keys: MemoryKeys) {
    this.name = name
    this.#id = id
    this.#keys = keys
  }

  limit(options: LimitOptions): Limit {
    return new MemoryLimit(this.#keys, options)
  }

  window(options: WindowOptions): WindowLimit {
    return new MemoryWindow(this.#keys, options)
  }

  checkAll(checks: ReadonlyArray<readonly [limit: Limit, key: Key]>): CheckResult {
    if (checks.length > MAX_LIMITS) throw new RangeError(`${checks.length} limits at once: ${MAX_LIMITS} at most`)
    for (const [limit] of checks) {
      if (!(limit instanceof MemoryLimit) || limit.keys !== this.#keys) {
        throw new TypeError(`limit "${limit.name}" is not one of zone "${this.name}"`)
      }
    }
    return checkTogether(this.#keys, checks as ReadonlyArray<readonly [MemoryLimit, Key]>, 1)
  }

  stats(): ZoneStats {
    const { nodes, counters } = this.#keys
    return {
      sizeBytes: nodes.sizeBytes,
      nodes: nodes.count,
      ...counters,
      evictedIdle: nodes.evictedIdle,
      evictedInDebt: nodes.evictedInDebt,
      allocationFailures: nodes.allocationFailures,
      spins: 0,
      sleeps: 0,
    }
  }

  close(): void {
    // Nothing is held that others could miss.
  }

  unlink(): void {
    if (zones.get(this.#id) === this.#keys) zones.delete(this.#id)
  }
}

function warnOnce(name: string): void {
  if (warned) return
  warned = true
  process.emitWarning(
    `zone "${name}" lives in the memory of process ${process.pid} alone: there is no addon for ${process.platform} ` +
      `${process.arch} here, so N processes admit N times every limit`,
    { type: 'SluiceWarning', code: 'SLUICE_ONE_PROCESS' },
  )
}

function monotonicMs(): number {
  return Math.floor(performance.now())
}
