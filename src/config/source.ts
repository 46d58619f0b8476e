// Where the bytes of a configuration come from. The master reads the disk and records every answer (LiveSource); a
// worker parses the same configuration again from the record (SnapshotSource) and never touches the disk or the
// resolver, so that both see the same, even when the files have changed or the worker may no longer read them.
// Names are latin1 strings, one char = one byte.

import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { asSystemError } from './errno_text.ts'
import { type Directory, expandGlob } from './glob.ts'
import type { HostFacts, SystemError } from './types.ts'

/** All that reading a configuration may ask of the world. `readFile` throws Node's system errors. */
export interface ConfigSource {
  readonly facts: HostFacts
  readFile(fullName: string): Buffer
  /** Names that match a pattern, sorted as glob(3) sorts them. */
  glob(pattern: string): readonly string[]
  /** Addresses of a host; undefined when it is not found. */
  resolveHost(host: string): readonly string[] | undefined
}

/** Everything that was asked and answered. Fit for structured clone and for v8.serialize. */
export interface Snapshot {
  readonly facts: HostFacts
  /** In the order of first opening. */
  readonly files: Map<string, Uint8Array>
  /** Files that could not be read, where the setter went on without them. */
  readonly failures: Map<string, SystemError>
  readonly globs: Map<string, readonly string[]>
  readonly hosts: Map<string, readonly string[] | undefined>
}

export type ResolveHost = (host: string) => readonly string[] | undefined

export class LiveSource implements ConfigSource {
  readonly facts: HostFacts
  /** Filled as answers are given; complete when the configuration has been read. */
  readonly snapshot: Snapshot
  readonly #resolveHost: ResolveHost

  /** `resolveHost` must block: setters need the addresses at once. */
  constructor(resolveHost: ResolveHost, facts: HostFacts = currentFacts()) {
    this.#resolveHost = resolveHost
    this.facts = facts
    this.snapshot = { facts, files: new Map(), failures: new Map(), globs: new Map(), hosts: new Map() }
  }

  readFile(fullName: string): Buffer {
    const { files, failures } = this.snapshot
    const known = files.get(fullName)
    if (known !== undefined) return asBuffer(known)
    const failure = failures.get(fullName)
    if (failure !== undefined) throw failedRead(fullName, failure)
    try {
      const bytes = readFileSync(pathBytes(fullName))
      files.set(fullName, bytes)
      return bytes
    } catch (error) {
      const cause = asSystemError(error)
      if (cause !== undefined) failures.set(fullName, cause)
      throw error
    }
  }

  glob(pattern: string): readonly string[] {
    return remember(this.snapshot.globs, pattern, () => expandGlob(pattern, DISK))
  }

  resolveHost(host: string): readonly string[] | undefined {
    return remember(this.snapshot.hosts, host, () => this.#resolveHost(host))
  }
}

export class SnapshotSource implements ConfigSource {
  readonly facts: HostFacts
  readonly #snapshot: Snapshot

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    this.facts = snapshot.facts
  }

  readFile(fullName: string): Buffer {
    const { files, failures } = this.#snapshot
    const bytes = files.get(fullName)
    if (bytes !== undefined) return asBuffer(bytes)
    const failure = failures.get(fullName)
    if (failure === undefined) throw new TypeError(`"${fullName}" is not in the snapshot`)
    throw failedRead(fullName, failure)
  }

  glob(pattern: string): readonly string[] {
    const names = this.#snapshot.globs.get(pattern)
    if (names === undefined) throw new TypeError(`"${pattern}" is not in the snapshot`)
    return names
  }

  resolveHost(host: string): readonly string[] | undefined {
    const { hosts } = this.#snapshot
    if (!hosts.has(host)) throw new TypeError(`host "${host}" is not in the snapshot`)
    return hosts.get(host)
  }
}

/** Bytes of a text that came decoded from the system (argv, os functions), as the latin1 string used for names here. */
export function latin1Of(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The machine and the process as they are now. */
export function currentFacts(): HostFacts {
  return {
    euid: process.geteuid?.() ?? 0,
    hostname: latin1Of(hostname()).toLowerCase(),
    cpus: availableParallelism(),
    cpuNumbers: allowedCpus(),
  }
}

/** From `Cpus_allowed_list:	0-3,6` of /proc. A container may be given any of the machine's CPUs. */
function allowedCpus(): readonly number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/** A recorded failure in the shape in which Node threw it. */
function failedRead(fullName: string, failure: SystemError): Error {
  return Object.assign(new Error(`${failure.code}: ${fullName}`), failure)
}

const DISK: Directory = {
  list(path: string): string[] | undefined {
    try {
      return ['.', '..', ...readdirSync(pathBytes(path === '' ? '.' : path), 'latin1')]
    } catch {
      return undefined
    }
  },
  exists(path: string): boolean {
    try {
      lstatSync(pathBytes(path))
      return true
    } catch {
      return false
    }
  },
}

/** Bytes for a system call. C strings end at a zero byte, where Node would throw. */
function pathBytes(name: string): Buffer {
  const zero = name.indexOf('\0')
  return Buffer.from(zero < 0 ? name : name.slice(0, zero), 'latin1')
}

/** A clone turns a Buffer into a plain Uint8Array: view its bytes as a Buffer again, without copying. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Like Map.get, asking once; a remembered `undefined` is an answer too. */
function remember<Value>(answers: Map<string, Value>, question: string, ask: () => Value): Value {
  if (!answers.has(question)) answers.set(question, ask())
  return answers.get(question) as Value
}
