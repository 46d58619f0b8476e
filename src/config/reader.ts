// The reader: walks the configuration once, from top to bottom, and hands each directive to its setter as soon as its
// words are complete. Setters therefore run in file order, blocks are recursion, and an error carries the line that has
// been reached (for a directive over several lines: its last one). It also follows `include`, in every kind of body.

import { Cursor, type CursorReader, type LineHandler } from './cursor.ts'
import { checkForm, type Dispatcher, INCLUDE } from './dispatch.ts'
import { asSystemError, systemErrorOf } from './errno_text.ts'
import { ConfigError, formatMessage } from './error.ts'
import { hasGlobCharacters } from './glob.ts'
import { Lexer } from './lexer.ts'
import type { ConfigSource } from './source.ts'
import type { Level, Position, Resources, SystemError } from './types.ts'

/** Files open at once: nginx runs out of descriptors when a file includes itself, and so do we, by the same text. */
const MAX_OPEN_FILES = 1000
/** Blocks within each other. Far above any sense; keeps the recursion inside the stack. */
const MAX_BLOCK_DEPTH = 1000

export interface ReaderOptions {
  readonly dispatcher: Dispatcher
  readonly source: ConfigSource
  readonly resources: Resources
  /** Both end with `/`, or are empty for the current directory. */
  readonly prefix: string
  readonly confPrefix: string
  /** Told of every warning when it arises: an error later on must not swallow those before it. */
  readonly onWarning?: ((text: string) => void) | undefined
}

type BodyKind = 'file' | 'block' | 'parameter'
/** For the lines of a body of words; undefined: the body consists of directives. */
type BodyHandler = LineHandler | undefined

export class Reader implements CursorReader {
  readonly source: ConfigSource
  readonly resources: Resources
  /** Texts with their places, in the order of their appearance. */
  readonly warnings: string[] = []
  /** Configuration files (not certificates and the like) by full name, in the order of their first opening. */
  readonly configFiles = new Map<string, Buffer>()
  /** Where the `{` of each level stands. */
  readonly positions = new Map<Level, Position>()
  readonly #dispatcher: Dispatcher
  readonly #prefix: string
  readonly #confPrefix: string
  readonly #onWarning: ((text: string) => void) | undefined
  /** The file being read: the innermost of those that include each other. */
  #input: Lexer | undefined
  #openFiles = 0
  #blockDepth = 0

  constructor({ dispatcher, source, resources, prefix, confPrefix, onWarning }: ReaderOptions) {
    this.#dispatcher = dispatcher
    this.source = source
    this.resources = resources
    this.#prefix = prefix
    this.#confPrefix = confPrefix
    this.#onWarning = onWarning
  }

  /** Reads the directives of `-g`. */
  readParameter(text: string, level: Level): void {
    this.#readInput(new Lexer(text, undefined), 'parameter', level, undefined)
  }

  /** Reads a configuration file by its full name; braces must be balanced within it. */
  readConfigFile(fullName: string, level: Level, onLine: BodyHandler): void {
    if (this.#openFiles >= MAX_OPEN_FILES) this.fail(`open() "${fullName}" failed`, systemErrorOf('EMFILE'))
    const bytes = this.readFile(fullName)
    if (!this.configFiles.has(fullName)) this.configFiles.set(fullName, bytes)
    this.#openFiles++
    this.#readInput(new Lexer(bytes.toString('latin1'), fullName), 'file', level, onLine)
    this.#openFiles--
  }

  /** Reads the body of the block whose `{` has just been read. */
  readBlock(level: Level, onLine: BodyHandler): void {
    const input = this.#input
    if (input === undefined) throw new TypeError('a block is read after the end of the configuration')
    if (this.#blockDepth >= MAX_BLOCK_DEPTH) this.fail(`more than ${MAX_BLOCK_DEPTH} blocks inside each other`)
    this.#blockDepth++
    if (onLine === undefined) this.positions.set(level, input.position)
    this.#readBody(input, 'block', level, onLine)
    this.#blockDepth--
  }

  fullName(path: string, base: 'conf' | 'prefix'): string {
    if (path.startsWith('/')) return path
    return (base === 'conf' ? this.#confPrefix : this.#prefix) + path
  }

  readFile(fullName: string): Buffer {
    try {
      return this.source.readFile(fullName)
    } catch (error) {
      const cause = asSystemError(error)
      if (cause === undefined) throw error
      // A directory can be opened, but not read. nginx meets that in another layer, which names no place.
      if (cause.code === 'EISDIR') throw new ConfigError(`pread() "${fullName}" failed`, undefined, cause)
      this.fail(`open() "${fullName}" failed`, cause)
    }
  }

  get reached(): Position | undefined {
    return this.#input?.position
  }

  fail(message: string, cause?: SystemError): never {
    throw new ConfigError(message, this.#input?.position, cause)
  }

  warn(message: string): void {
    const text = formatMessage(message, this.#input?.position)
    this.warnings.push(text)
    this.#onWarning?.(text)
  }

  #readInput(input: Lexer, kind: BodyKind, level: Level, onLine: BodyHandler): void {
    // Not restored when something throws: the error ends the whole reading.
    const including = this.#input
    this.#input = input
    this.#readBody(input, kind, level, onLine)
    this.#input = including
  }

  #readBody(input: Lexer, kind: BodyKind, level: Level, onLine: BodyHandler): void {
    for (;;) {
      const words: string[] = []
      const end = input.next(words)
      if (end === '}') {
        if (kind !== 'block') this.fail('unexpected "}"')
        return
      }
      if (end === 'end') {
        if (kind === 'block') this.fail('unexpected end of file, expecting "}"')
        return
      }
      const hasBody = end === '{'
      if (hasBody && kind === 'parameter') this.fail('block directives are not supported in -g option')
      const cf = new Cursor(this, words, input.position, level, hasBody)
      if (onLine === undefined) this.#handleDirective(cf, hasBody)
      else this.#handleLine(cf, hasBody, onLine)
    }
  }

  #handleDirective(cf: Cursor, hasBody: boolean): void {
    const [name, path = ''] = cf.args
    if (name !== INCLUDE) {
      this.#dispatcher.dispatch(cf, hasBody)
      return
    }
    checkForm(cf, false, hasBody, 1)
    this.#include(path, cf.level, undefined)
  }

  #handleLine(cf: Cursor, hasBody: boolean, onLine: LineHandler): void {
    if (hasBody) this.fail('unexpected "{"')
    const [first, path] = cf.args
    // With another number of words the line is the owner's, and so is the error.
    if (first === INCLUDE && path !== undefined && cf.args.length === 2) this.#include(path, cf.level, onLine)
    else onLine(cf)
  }

  #include(path: string, level: Level, onLine: BodyHandler): void {
    const pattern = this.fullName(path, 'conf')
    const names = hasGlobCharacters(pattern) ? this.source.glob(pattern) : [pattern]
    for (const name of names) this.readConfigFile(name, level, onLine)
  }
}
