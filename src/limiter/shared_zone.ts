// A zone in shared memory: a file that every process maps which opens the name. Here is opening it and what concerns the
// zone as a whole; the limits are in shared_limit.ts and shared_window.ts. Everything is checked when a zone or a limit
// is opened, so that a check has nothing to complain about.

import { closeSync, fstatSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Addon } from '../native/addon.ts'
import { checkZoneName, DEFAULT_SIZE_BYTES, MAX_LIMITS, parseSizeBytes } from './options.ts'
import { latin1, type SharedKeys, ZoneError } from './shared_keys.ts'
import { SharedLimit } from './shared_limit.ts'
import { SharedWindow } from './shared_window.ts'
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

const DEFAULT_DIR = '/dev/shm'
/** What the keys of a zone of ours are made of; zones of the proxy have the text of their directive here. */
const KEY_FORMAT = '$limit_name\\0$key'

/**
 * Opens a zone, or makes it. `clock[0]`, if given, is the time in ms instead of the machine's, for tests.
 * @throws TypeError or RangeError for wrong options; Error with code ERR_ZONE when the file is not such a zone; the
 * system's error when there is no room, or no right to open it
 */
export function openSharedZone(addon: Addon, name: string, options: ZoneOptions = {}, clock?: Float64Array): Zone {
  checkZoneName(name)
  const wanted = options.size === undefined ? undefined : parseSizeBytes(options.size)
  const path = pathOf(name, options)
  const keyText = options.key ?? KEY_FORMAT
  for (let tries = 1; ; tries++) {
    const sizeBytes = wanted ?? sizeOfFile(path) ?? DEFAULT_SIZE_BYTES
    try {
      const file = addon.openLimitReqZoneFile(latin1(path), sizeBytes, latin1(name), latin1(keyText))
      const { zone, fd, problem } = file
      if (problem !== '') warn(`zone "${name}" begins empty: ${problem}`)
      const { ino } = fstatSync(fd)
      // The mapping keeps the file, and the lock on it that tells others that it is in use.
      closeSync(fd)
      return new SharedZone({ addon, zone, clock, isNamed: options.key === undefined }, name, path, ino, sizeBytes)
    } catch (error) {
      // Between the look at its size and the opening somebody else has made it.
      if (wanted !== undefined || tries > 3 || sizeOfFile(path) === sizeBytes) throw explained(name, path, error)
    }
  }
}

class SharedZone implements Zone {
  readonly name: string
  readonly path: string
  readonly #ino: number
  readonly #sizeBytes: number
  readonly #rates = new Float64Array(2 * MAX_LIMITS)
  readonly #result = new Float64Array(3)
  readonly #limits = new Set<{ close(): void }>()
  #keys: SharedKeys | undefined

  constructor(keys: SharedKeys, name: string, path: string, ino: number, sizeBytes: number) {
    this.#keys = keys
    this.name = name
    this.path = path
    this.#ino = ino
    this.#sizeBytes = sizeBytes
  }

  limit(options: LimitOptions): Limit {
    const limit = new SharedLimit(this.#open(), options)
    this.#limits.add(limit)
    return limit
  }

  window(options: WindowOptions): WindowLimit {
    const window = new SharedWindow(this.#open(), options)
    this.#limits.add(window)
    return window
  }

  checkAll(checks: ReadonlyArray<readonly [limit: Limit, key: Key]>): CheckResult {
    const { addon } = this.#open()
    if (checks.length === 0) throw new RangeError('no limit to check')
    if (checks.length > MAX_LIMITS) throw new RangeError(`${checks.length} limits at once: ${MAX_LIMITS} at most`)
    const buckets = []
    const keys = []
    for (const [limit, key] of checks) {
      if (!(limit instanceof SharedLimit) || limit.keys !== this.#keys) {
        throw new TypeError(`limit "${limit.name}" is not one of zone "${this.name}"`)
      }
      const rate = limit.rateOf(key)
      this.#rates[2 * keys.length] = rate.ticks
      this.#rates[2 * keys.length + 1] = rate.periodMs
      buckets.push(limit.bucket)
      keys.push(key)
    }
    const verdict = addon.checkTogether(buckets, keys, this.#rates, this.#result)
    const decisive = checks[this.#result[1] ?? 0]?.[0] as SharedLimit
    return decisive.resultOf(verdict, 1, this.#result)
  }

  stats(): ZoneStats {
    const { addon, zone } = this.#open()
    const stats = addon.zoneStats(zone)
    return {
      sizeBytes: this.#sizeBytes,
      nodes: stats.nodes,
      passed: stats.passed,
      delayed: stats.delayed,
      rejected: stats.rejected,
      evictedIdle: stats.evictedIdle,
      evictedInDebt: stats.evictedInDebt,
      allocationFailures: stats.allocationFailures,
      spins: stats.lockSpins,
      sleeps: stats.lockSleeps,
    }
  }

  close(): void {
    for (const limit of this.#limits) limit.close()
    this.#limits.clear()
    // With the last reference the memory is unmapped, when it is collected.
    this.#keys = undefined
  }

  unlink(): void {
    try {
      // Not one that has taken the name since.
      if (statSync(this.path).ino === this.#ino) unlinkSync(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  #open(): SharedKeys {
    if (this.#keys === undefined) throw new ZoneError(`zone "${this.name}" is closed`)
    return this.#keys
  }
}

function warn(text: string): void {
  process.emitWarning(text, { type: 'SluiceWarning', code: 'SLUICE_ZONE_REPLACED' })
}

function pathOf(name: string, { dir, state, key }: ZoneOptions): string {
  if ((state === undefined) !== (key === undefined)) {
    throw new TypeError('a zone of the proxy is opened by its state and its key, both as in nginx.conf')
  }
  if (state !== undefined && dir !== undefined) throw new TypeError('either dir or state, not both')
  return state ?? join(dir ?? DEFAULT_DIR, `sluice-${name}.zone`)
}

function sizeOfFile(path: string): number | undefined {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  return size === 0 ? undefined : size
}

function explained(name: string, path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_ZONE') return new ZoneError(`zone "${name}": ${message}`, { cause: error })
  if (typeof code !== 'string') return error
  return Object.assign(new Error(`zone "${name}" in "${path}": ${message}`, { cause: error }), { code })
}
