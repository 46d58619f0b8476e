// Keeps the workers of a server under test from starting for as long as a test wants: states that pass by in a moment
// otherwise (starting, reloading) stand still.

import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerProcess } from './server_process.ts'
import { waitFor } from './wait_for.ts'

/** `:worker` is the first word of a worker's command line. */
const PRELOADED = `
  const { existsSync, writeFileSync } = require('node:fs')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  if (process.argv.includes(':worker') && existsSync(__dirname + '/gate')) {
    writeFileSync(__dirname + '/waits.' + process.pid, '')
    while (existsSync(__dirname + '/gate')) Atomics.wait(pause, 0, 0, 10)
  }`

/** Files of a story with a gate; `closed`: from the beginning. */
export function gateFiles(closed = false): Record<string, string> {
  return { 'gate.cjs': PRELOADED, ...(closed ? { gate: '' } : {}) }
}

/** Belongs into the main context. */
export const GATE_CONF = 'env NODE_OPTIONS=--require=%%DIR%%/gate.cjs;'

/** From now on new workers stop before they do anything. */
export function closeGate({ dir }: ServerProcess): void {
  writeFileSync(join(dir, 'gate'), '')
}

/** Lets those that stand there go on. */
export function openGate({ dir }: ServerProcess): void {
  rmSync(join(dir, 'gate'), { force: true })
}

/** Resolves when `count` workers in all have come to the gate. */
export async function atGate({ dir }: ServerProcess, count: number): Promise<void> {
  const waiting = () => readdirSync(dir).filter((name) => name.startsWith('waits.')).length
  await waitFor(`${count} workers at the gate`, () => waiting() === count, 40_000)
}
