// Golden tests of the configuration language: files that hold a configuration, a line `----`, and what must come of it.
//
//     CONFIGURATION
//     ---- file NAME        (optional, repeated: a file beside the main one)
//     ---- -g               (optional: the text of -g)
//     ----
//     { JSON: parts of the result }   or the exact text of the error
//
// The configuration is written to an empty folder, which is prefix and conf prefix; `%%DIR%%/` in either part stands
// for it.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { finishCore } from '../../src/config/core_settings.ts'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfiguration } from '../../src/config/parse.ts'
import { checkZones } from '../../src/config/resources.ts'
import { LiveSource } from '../../src/config/source.ts'
import type { HostFacts } from '../../src/config/types.ts'
import { SAMPLE_OWNERS, sampleBlocks } from './sample_owners.ts'

/** A case: files by name, `main.conf` among them. */
export interface Conftest {
  readonly files: ReadonlyMap<string, string>
  readonly globals: string | undefined
  readonly expected: string
}

export const MAIN_FILE = 'main.conf'
const FACTS: HostFacts = { euid: 1000, hostname: 'host', cpus: 4, cpuNumbers: [0, 1, 2, 3] }

export function readConftest(fileName: string): Conftest {
  const parts = readFileSync(fileName, 'latin1').split(/^----(.*)\n/m)
  const files = new Map([[MAIN_FILE, parts[0] ?? '']])
  let globals: string | undefined
  let expected: string | undefined
  for (let i = 1; i < parts.length; i += 2) {
    const [kind = '', name] = (parts[i] ?? '').trim().split(' ')
    const text = parts[i + 1] ?? ''
    if (kind === 'file' && name !== undefined) files.set(name, text)
    else if (kind === '-g') globals = text.trim()
    else if (kind === '') expected = text.trim()
    else throw new Error(`${fileName}: a part begins with "----${parts[i]}"`)
  }
  if (expected === undefined) throw new Error(`${fileName}: no line "----" before a result`)
  return { files, globals, expected }
}

/** Writes the files to a new folder for the time of `act`. */
export function inFolder<Result>(files: ReadonlyMap<string, string>, act: (dir: string) => Result): Result {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-conf-'))
  try {
    for (const [name, text] of files) {
      mkdirSync(dirname(join(dir, name)), { recursive: true })
      writeFileSync(join(dir, name), text.replaceAll('%%DIR%%', dir), 'latin1')
    }
    return act(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

export interface Outcome {
  /** The error, or undefined. */
  readonly error: string | undefined
  readonly warnings: readonly string[]
  readonly result: object | undefined
}

/** Does everything that `-t` does without the cycle. `%%DIR%%` is put back into texts. */
export function readAndCheck(dir: string, globals: string | undefined, facts: Partial<HostFacts> = {}): Outcome {
  const withoutDir = (text: string): string => text.replaceAll(dir, '%%DIR%%')
  const warnings: string[] = []
  const onWarning = (text: string): void => void warnings.push(withoutDir(text))
  const source = new LiveSource((host) => (host === 'localhost' ? ['127.0.0.1'] : undefined), { ...FACTS, ...facts })
  const [prefix, confFile] = [`${dir}/`, `${dir}/${MAIN_FILE}`]
  try {
    const owners = SAMPLE_OWNERS
    const parsed = parseConfiguration({ owners, source, confFile, prefix, confPrefix: prefix, globals, onWarning })
    const settings = finishCore(parsed)
    warnings.push(...settings.warnings)
    checkZones(parsed.resources)
    const configFiles = [...parsed.configFiles.keys()]
    const zones = Object.fromEntries([...parsed.resources.zones.values()].map((zone) => [zone.name, zone.sizeBytes]))
    const logs = [...parsed.resources.files.keys()]
    const result = { ...settings, warnings, blocks: sampleBlocks(parsed.root), configFiles, zones, logs }
    return { error: undefined, warnings, result: JSON.parse(withoutDir(JSON.stringify(result))) as object }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { error: withoutDir(error.message), warnings, result: undefined }
  }
}
