// A zone where there is no addon: the same decisions in the memory of one process (of one thread, to be exact), which is
// not what a zone is for, and so it says so once, loudly. Names are shared within the process, as a file's would be
// between processes, and like a file a zone outlives those who use it.

import type { MemoryKeys } from './memory_keys.ts'
import { checkTogether, MemoryLimit } from './memory_limit.ts'
import { MemoryNodes } from './memory_nodes.ts'
import { MemoryWindow } from './memory_window.ts'
import { OpenLimits } from './open_limits.ts'
import { checkList } from './options.ts'
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
import { closedZone, ZoneError } from './zone_error.ts'
import { DEFAULT_SIZE_BYTES, readZoneOptions } from './zone_options.ts'

interface MemoryFile {
  readonly name: string
  readonly keyText: string
  readonly keys: MemoryKeys
}

/** By the path that their files would have. */
const files = new Map<string, MemoryFile>()
let warned = false

/**
 * Opens a zone in this process's memory. `nowMs` is for tests.
 * @throws TypeError or RangeError for wrong options; Error with code ERR_ZONE when the zone is there in another way
 */
export function openMemoryZone(name: string, options: ZoneOptions = {}, nowMs: () => number = monotonicMs): Zone {
  const { path, sizeBytes, keyText, isNamed } = readZoneOptions(name, options)
  let file = files.get(path)
  if (file === undefined) {
    const nodes = new MemoryNodes(sizeBytes ?? DEFAULT_SIZE_BYTES)
    const counters = { passed: 0, delayed: 0, rejected: 0 }
    file = { name, keyText, keys: { nodes, names: new Map(), isNamed, nowMs, counters } }
    files.set(path, file)
  } else {
    const problem = differenceOf(file, name, sizeBytes, keyText)
    if (problem !== undefined) throw new ZoneError(`zone "${name}": ${problem}`)
  }
  warnOnce(name)
  return new MemoryZone(name, path, file)
}

function differenceOf(file: MemoryFile, name: string, sizeBytes: number | undefined, keyText: string) {
  const found = file.keys.nodes.sizeBytes
  if (sizeBytes !== undefined && sizeBytes !== found) return `it has the size ${found} and not ${sizeBytes}`
  if (name !== file.name) return `it has the name "${file.name}"`
  if (keyText !== file.keyText) return `it uses the "${file.keyText}" key and not the "${keyText}" key`
  return undefined
}

class MemoryZone implements Zone {
  readonly name: string
  readonly path = undefined
  readonly key: string | undefined
  readonly #id: string
  readonly #file: MemoryFile
  readonly #limits = new OpenLimits()
  #keys: MemoryKeys | undefined

  constructor(name: string, id: string, file: MemoryFile) {
    this.name = name
    this.key = file.keys.isNamed ? undefined : file.keyText
    this.#id = id
    this.#file = file
    this.#keys = { ...file.keys }
  }

  limit(options: LimitOptions): Limit {
    return this.#limits.add(new MemoryLimit(this.#open(), options))
  }

  window(options: WindowOptions): WindowLimit {
    return this.#limits.add(new MemoryWindow(this.#open(), options))
  }

  checkAll(checks: ReadonlyArray<readonly [limit: Limit, key: Key]>): CheckResult {
    const keys = this.#open()
    checkList(checks, this.name, (limit) => limit instanceof MemoryLimit && limit.keys === keys)
    return checkTogether(keys, checks as ReadonlyArray<readonly [MemoryLimit, Key]>, 1)
  }

  stats(): ZoneStats {
    const { nodes, counters } = this.#open()
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
    this.#limits.closeAll()
    this.#keys = undefined
  }

  unlink(): void {
    if (files.get(this.#id) === this.#file) files.delete(this.#id)
  }

  #open(): MemoryKeys {
    if (this.#keys === undefined) throw closedZone(this.name)
    return this.#keys
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
