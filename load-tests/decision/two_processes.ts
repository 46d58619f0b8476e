// Two processes that decide by one zone at the same time, and one of them alone: how many decisions there are in a second.
// Each window begins at a moment that both know by the machine's clock, so that neither has a head start, and counts only
// if both had a CPU all the time: processes that take turns on one do not contend.

import { type ChildProcess, fork } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { LimitReqZone } from '../../src/native/addon.ts'
import { syncLoop, zoneSizeFor } from './contestants.ts'
import { addon, compileCheck, ZONE_NAME } from './sluice_addon.ts'
import { makeWorkload, type Pattern, type Workload } from './workload.ts'

/** What the rival is told at its start; its zone is descriptor 4. */
export interface RivalTask {
  readonly keyCount: number
  readonly sizeBytes: number
  readonly pattern: Pattern
}

/** A window of deciding; times in ms of CLOCK_MONOTONIC. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/** What the rival is told: a window, and where in its order of keys it begins. */
export interface Order {
  readonly window: Window
  readonly from: number
}

export interface Contention {
  /** Decisions per second, medians of the windows. */
  readonly alone: number
  readonly together: number
  /** Median of the windows' ratios of the two. */
  readonly ratio: number
  /** Windows that counted, and those in which something else took a CPU. */
  readonly windows: number
  readonly disturbed: number
  readonly spins: number
  readonly sleeps: number
}

const WINDOW_MS = 20
/** From the order to the window: time for the rival to hear of it. */
const NOTICE_MS = 12
const CHUNK = 256
/** Least share of a window for which a process must have had a CPU. */
const WHOLE = 0.94
/** Of a hundred windows on a busy machine some are whole. */
const TRIES = 15

/** What a process did in a window. */
export interface Done {
  readonly decisions: number
  /** It had a CPU all the time. */
  readonly whole: boolean
}

/** Decides from the start of the window to its end. Spins until it begins: a sleep would oversleep. */
export function decideDuring(
  { startMs, endMs }: Window,
  check: (key: string) => number,
  workload: Workload,
  from: number,
): Done {
  const loop = syncLoop(check)
  while (addon.monotonicMs() < startMs);
  const before = process.cpuUsage()
  let decisions = 0
  while (addon.monotonicMs() < endMs) {
    void loop(workload, from + decisions, CHUNK)
    decisions += CHUNK
  }
  const { user, system } = process.cpuUsage(before)
  return { decisions, whole: user + system >= (endMs - startMs) * 1000 * WHOLE }
}

/** Goes on until `windows` windows have counted, or most of many did not. */
export async function contend(keys: readonly string[], pattern: Pattern, windows: number): Promise<Contention> {
  const sizeBytes = zoneSizeFor(keys.length)
  const fd = addon.createSharedMemory(ZONE_NAME, sizeBytes)
  const zone = addon.createLimitReqZone(fd, sizeBytes, ZONE_NAME, '$remote_addr')
  const check = compileCheck(zone)
  for (const key of keys) check(key)
  const task: RivalTask = { keyCount: keys.length, sizeBytes, pattern }
  const rival = fork(new URL('./rival.js', import.meta.url), [JSON.stringify(task)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd],
  })
  closeSync(fd)
  try {
    await answer(rival)
    return await measure(zone, check, makeWorkload(keys, pattern, 1), rival, windows)
  } finally {
    rival.kill()
  }
}

async function measure(
  zone: LimitReqZone,
  check: (key: string) => number,
  workload: Workload,
  rival: ChildProcess,
  windows: number,
): Promise<Contention> {
  const before = addon.zoneStats(zone)
  const rounds: { alone: number; together: number }[] = []
  let tries = 0
  for (; rounds.length < windows && tries < windows * TRIES; tries++) {
    const from = tries * 20_011
    const alone = decideDuring(nextWindow(), check, workload, from)
    const window = nextWindow()
    rival.send({ window, from } satisfies Order)
    const mine = decideDuring(window, check, workload, from)
    const theirs = (await answer(rival)) as Done
    if (!alone.whole || !mine.whole || !theirs.whole) continue
    rounds.push({ alone: alone.decisions, together: mine.decisions + theirs.decisions })
  }
  const after = addon.zoneStats(zone)
  const perSecond = (pick: (round: { alone: number; together: number }) => number): number =>
    (median(rounds.map(pick)) * 1000) / WINDOW_MS
  return {
    alone: perSecond(({ alone }) => alone),
    together: perSecond(({ together }) => together),
    ratio: median(rounds.map(({ alone, together }) => together / alone)),
    windows: rounds.length,
    disturbed: tries - rounds.length,
    spins: after.lockSpins - before.lockSpins,
    sleeps: after.lockSleeps - before.lockSleeps,
  }
}

function nextWindow(): Window {
  const startMs = addon.monotonicMs() + NOTICE_MS
  return { startMs, endMs: startMs + WINDOW_MS }
}

/** The next message of the rival. */
function answer(rival: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('the second process ended'))
    rival.once('exit', onExit)
    rival.once('message', (message) => {
      rival.off('exit', onExit)
      resolve(message)
    })
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
