// Entry of the configuration language: the text of `-g`, then the configuration file, read into one tree of levels.
// What the levels mean (merging, virtual servers, defaults) is their owners' business and happens in setters or later.

import { Dispatcher } from './dispatch.ts'
import { newLevel } from './level.ts'
import { Reader } from './reader.ts'
import { ConfigResources } from './resources.ts'
import type { ConfigSource } from './source.ts'
import type { ConfigOwner, Level, Position, Resources } from './types.ts'

export interface ParseOptions {
  /** Everybody who declares directives, the core and events owners included. */
  readonly owners: readonly ConfigOwner[]
  readonly source: ConfigSource
  /** Full name of the configuration file; this and the prefixes are latin1 strings, one char = one byte. */
  readonly confFile: string
  /** Folder before relative names of logs, pid file and the like; ends with `/`. */
  readonly prefix: string
  /** Folder of the configuration file, before relative names of what belongs to the configuration; ends with `/`. */
  readonly confPrefix: string
  /** Text of `-g`. */
  readonly globals?: string | undefined
  /** Told of every warning when it arises, so that it is seen even when an error follows. */
  readonly onWarning?: ((text: string) => void) | undefined
}

export interface ParsedConfiguration {
  /** The level `main`; owners that keep no levels of their own have their settings in its `own`. */
  readonly root: Level
  readonly resources: Resources
  /** `MESSAGE in FILE:LINE`, in order; to be logged at level warn. */
  readonly warnings: readonly string[]
  /** Where the `{` of each block level stands. */
  readonly positions: ReadonlyMap<Level, Position>
  /** Bytes of the configuration files by full name in the order of first opening: what `-T` shows. */
  readonly configFiles: ReadonlyMap<string, Buffer>
  readonly prefix: string
  readonly source: ConfigSource
}

/**
 * Reads a configuration; throws ConfigError at the first mistake. What can only be seen at the end is checked later.
 */
export function parseConfiguration(options: ParseOptions): ParsedConfiguration {
  const { owners, source, confFile, prefix, confPrefix, globals, onWarning } = options
  const resources = new ConfigResources()
  const dispatcher = new Dispatcher(owners)
  const reader = new Reader({ dispatcher, source, resources, prefix, confPrefix, onWarning })
  const root = newLevel('main', undefined)
  if (globals !== undefined) reader.readParameter(globals, root)
  reader.readConfigFile(confFile, root, undefined)
  const { warnings, positions, configFiles } = reader
  return { root, resources, warnings, positions, configFiles, prefix, source }
}
