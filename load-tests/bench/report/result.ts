// Everything a run of the benchmark found out: what reports/bench.json holds and the other reports are made of.

import { readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import type { Standing } from '../standing.ts'

export interface ScenarioResult {
  readonly scenario: string
  readonly tells: string
  readonly connections: number
  readonly standings: readonly Standing[]
  /** Who did not take part, and why. */
  readonly absent: readonly { readonly contender: string; readonly why: string }[]
}

export interface BenchResult {
  readonly date: string
  readonly machine: string
  readonly rounds: number
  readonly seconds: number
  /** Name of the contender that ratios are to. */
  readonly reference: string
  /** Versions by contender. */
  readonly versions: Readonly<Record<string, string>>
  readonly results: readonly ScenarioResult[]
}

/** The machine in a line. */
export function machineText(): string {
  const all = cpus()
  const memory = /^MemTotal:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? '0'
  const gigabytes = Math.round(Number(memory) / 1024 / 1024)
  return `${all.length} cores of ${all[0]?.model.trim()}, ${gigabytes} GB, Linux ${release()}`
}

/** A number with as many digits as are worth reading; a dash for what is unknown. */
export function figure(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–'
}
