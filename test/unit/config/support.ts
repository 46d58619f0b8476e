// Configurations in memory: the tests of src/config read text, not files, except where the disk is the subject.

import { expect } from 'vitest'
import { core } from '../../../src/config/core_directives.ts'
import { systemErrorOf } from '../../../src/config/errno_text.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { events } from '../../../src/config/events_directives.ts'
import { type ParsedConfiguration, parseConfiguration } from '../../../src/config/parse.ts'
import { type Snapshot, SnapshotSource } from '../../../src/config/source.ts'
import type { ConfigCursor, ConfigOwner, Directive, HostFacts } from '../../../src/config/types.ts'

export const CONF_FILE = '/conf/main.conf'
export const FACTS: HostFacts = { euid: 0, hostname: 'host', cpus: 4, cpuNumbers: [0, 1, 2, 3] }
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nwww:x:33:33::/:/bin/sh\n'
const GROUP = 'root:x:0:\nnogroup:x:65534:\nwww:x:33:\nlogs:x:4:www,root\n'

export interface TextOptions {
  readonly owners?: readonly ConfigOwner[]
  /** Further files by full name. */
  readonly files?: Readonly<Record<string, string>>
  readonly globs?: Readonly<Record<string, readonly string[]>>
  readonly hosts?: Readonly<Record<string, readonly string[] | undefined>>
  readonly facts?: Partial<HostFacts>
  readonly globals?: string
  readonly onWarning?: (text: string) => void
}

/** Parses the text as /conf/main.conf, with prefix /prefix/. A file that is not given does not exist. */
export function parseText(text: string, options: TextOptions = {}): ParsedConfiguration {
  const { owners = [core, events], files = {}, globs = {}, hosts = {}, facts = {}, globals, onWarning } = options
  const snapshot: Snapshot = {
    facts: { ...FACTS, ...facts },
    files: new Map(
      Object.entries({ '/etc/passwd': PASSWD, '/etc/group': GROUP, ...files, [CONF_FILE]: text }).map(
        ([name, bytes]) => [name, Buffer.from(bytes, 'latin1')] as const,
      ),
    ),
    failures: new Map(),
    globs: new Map(Object.entries(globs)),
    hosts: new Map(Object.entries(hosts)),
  }
  const source = new MemorySource(snapshot)
  return parseConfiguration({
    owners,
    source,
    confFile: CONF_FILE,
    prefix: '/prefix/',
    confPrefix: '/conf/',
    globals,
    onWarning,
  })
}

class MemorySource extends SnapshotSource {
  readonly #files: ReadonlyMap<string, Uint8Array>

  constructor(snapshot: Snapshot) {
    super(snapshot)
    this.#files = snapshot.files
  }

  override readFile(fullName: string): Buffer {
    if (!this.#files.has(fullName)) throw Object.assign(new Error(fullName), systemErrorOf('ENOENT'))
    return super.readFile(fullName)
  }
}

/** Text of the ConfigError that `act` throws. */
export function errorOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message
  }
  throw new Error('nothing was thrown')
}

export function errorOfText(text: string, options?: TextOptions): string {
  return errorOf(() => parseText(text, options))
}

/** An owner of one directive `name`, of main unless it says otherwise. */
export function ownerOf<Conf>(name: string, directive: Partial<Directive<Conf>>, id = 9): ConfigOwner {
  return { id, name: `owner_${id}`, directives: { [name]: { in: ['main'], args: 1, set: () => {}, ...directive } } }
}

/** An owner whose directive `words` keeps the arguments of each use. */
export function wordsOwner(): { owner: ConfigOwner; seen: string[][] } {
  const seen: string[][] = []
  const set = (cf: ConfigCursor): void => {
    seen.push(cf.args.slice(1))
  }
  return { owner: ownerOf('words', { args: [0, Number.POSITIVE_INFINITY], set }), seen }
}
