// What a worker needs to know, in a memfd: everything that was read for the configuration, how it was read, and by which
// build. A worker parses again from this record and never looks at the disk, so that all workers of a generation, the
// respawned ones too, run the configuration that the master has checked.

import { fstatSync, readSync, writeSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import type { Snapshot } from '../config/source.ts'
import { addon } from '../native/addon.ts'
import { buildId } from './build_id.ts'
import type { StartOptions } from './start_options.ts'

export interface WorkerSnapshot {
  readonly buildId: string
  readonly options: StartOptions
  readonly source: Snapshot
  /** The master reacts to WINCH, and so do its workers. */
  readonly daemonised: boolean
  /** Names of what is inherited, in the order of the descriptors; a check, since both sides compute the order. */
  readonly zones: readonly string[]
  readonly files: readonly string[]
  readonly listens: readonly string[]
}

/** Writes a snapshot to new memory and returns its descriptor. Throws NativeError. */
export function writeSnapshot(snapshot: Omit<WorkerSnapshot, 'buildId'>): number {
  const bytes = serialize({ ...snapshot, buildId: buildId() } satisfies WorkerSnapshot)
  const fd = addon.createSharedMemory('snapshot', bytes.length)
  // With a position: all workers of a generation share this open file, and with it the offset.
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, written)
  }
  return fd
}

/** Reads it in a worker. Throws an Error when it was written by another build. */
export function readSnapshot(fd: number): WorkerSnapshot {
  const bytes = Buffer.alloc(fstatSync(fd).size)
  for (let read = 0; read < bytes.length; ) {
    const count = readSync(fd, bytes, read, bytes.length - read, read)
    if (count === 0) throw new Error('the snapshot of the configuration is cut short')
    read += count
  }
  const snapshot = deserialize(bytes) as WorkerSnapshot
  if (snapshot.buildId !== buildId()) {
    throw new Error(`the master is build ${snapshot.buildId} but this worker is ${buildId()}`)
  }
  return snapshot
}
