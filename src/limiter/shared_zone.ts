// A zone in shared memory: a file that every process maps which opens the name. Here is opening it and what concerns the
// zone as a whole; the limits are in shared_limit.ts and shared_window.ts. Everything is checked when a zone or a limit
// is opened, so that a check has nothing to complain about.

import { fstatSync, statSync, unlinkSync } from 'node:fs'
import type { Addon } from '../native/addon.ts'
import { OpenLimits } from './open_limits.ts'
import { checkList, MAX_LIMITS } from './options.ts'
import { latin1, type SharedKeys } from './shared_keys.ts'
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
import { closedZone, ZoneError } from './zone_error.ts'
import { DEFAULT_SIZE_BYTES, readZoneOptions } from './zone_options.ts'

/**
 * Opens a zone, or makes it. `clock[0]`, if given, is the time in ms instead of the machine's, for tests.
 * @throws TypeError or RangeError for wrong options; Error with code ERR_ZONE when the file is not such a zone; the
 * system's error when there is no room, or no right to open it
 */
export function openSharedZone(addon: Addon, name: string, options: ZoneOptions = {}, clock?: Float64Array): Zone {
  const { path, sizeBytes: wanted, keyText, isNamed } = readZoneOptions(name, options)
  for (let tries = 1; ; tries++) {
    const sizeBytes = wanted ?? sizeOfFile(path) ?? DEFAULT_SIZE_BYTES
    try {
      const file = addon.openLimitReqZoneFile(latin1(path), sizeBytes, latin1(name), latin1(keyText), true)
      const { zone, fd, problem } = file
      if (problem !== '') warn(`zone "${name}" begins empty: ${problem}`)
      const { ino } = fstatSync(fd)
      // The mapping keeps the file, and the lock on it that tells others that it is in use. (Node's own function would
      // warn in a worker thread of a descriptor that it has not opened.)
      addon.close(fd)
      return new SharedZone({ addon, zone, clock, isNamed }, name, path, options.key, ino, sizeBytes)
    } catch (error) {
      // Between the look at its size and the opening somebody else has made it.
      if (wanted !== undefined || tries > 3 || sizeOfFile(path) === sizeBytes) throw explained(name, path, error)
    }
  }
}

class SharedZone implements Zone {
  readonly name: string
  readonly path: string
  readonly key: string | undefined
  readonly #ino: number
  readonly #sizeBytes: number
  readonly #rates = new Float64Array(2 * MAX_LIMITS)
  readonly #result = new Float64Array(3)
  readonly #limits = new OpenLimits()
  #keys: SharedKeys | undefined

  constructor(keys: SharedKeys, name: string, path: string, key: string | undefined, ino: number, sizeBytes: number) {
    this.#keys = keys
    this.name = name
    this.path = path
    this.key = key
    this.#ino = ino
    this.#sizeBytes = sizeBytes
  }

  limit(options: LimitOptions): Limit {
    return this.#limits.add(new SharedLimit(this.#open(), options))
  }

  window(options: WindowOptions): WindowLimit {
    return this.#limits.add(new SharedWindow(this.#open(), options))
  }

  checkAll(checks: ReadonlyArray<readonly [limit: Limit, key: Key]>): CheckResult {
    const keys = this.#open()
    checkList(checks, this.name, (limit) => limit instanceof SharedLimit && limit.keys === keys)
    const buckets = []
    const checked = []
    for (const [limit, key] of checks as ReadonlyArray<readonly [SharedLimit, Key]>) {
      const rate = limit.rateOf(key)
      this.#rates[2 * checked.length] = rate.ticks
      this.#rates[2 * checked.length + 1] = rate.periodMs
      buckets.push(limit.bucket)
      checked.push(key)
    }
    const verdict = keys.addon.checkTogether(buckets, checked, this.#rates, this.#result)
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
    this.#limits.closeAll()
    // Not when the garbage is collected: others may want to be alone with the file.
    this.#keys?.addon.releaseZone(this.#keys.zone)
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
    if (this.#keys === undefined) throw closedZone(this.name)
    return this.#keys
  }
}

function warn(text: string): void {
  process.emitWarning(text, { type: 'SluiceWarning', code: 'SLUICE_ZONE_REPLACED' })
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
