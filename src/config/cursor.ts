// The cursor: one directive (or one line of words) as its setter sees it. It adds nothing but the view; files, places
// and blocks are the reader's. A cursor is of use only while its setter runs.

import type { ConfigSource } from './source.ts'
import type { ConfigCursor, HostFacts, Level, Position, Resources, SystemError } from './types.ts'

/** Takes one line of a body of words. */
export type LineHandler = (cf: ConfigCursor) => void

/** What a cursor needs of the reader. `fail` and `warn` add the place that the reader has reached. */
export interface CursorReader {
  readonly source: ConfigSource
  readonly resources: Resources
  readBlock(level: Level, onLine: LineHandler | undefined): void
  fullName(path: string, base: 'conf' | 'prefix'): string
  readFile(fullName: string): Buffer
  /** The place that the reader has reached. */
  readonly reached: Position | undefined
  fail(message: string, cause?: SystemError): never
  warn(message: string): void
}

/** `none`: ended by `;`. A body must be read exactly once, or the reader would lose its place. */
type Body = 'none' | 'unread' | 'read'

export class Cursor implements ConfigCursor {
  readonly args: readonly string[]
  readonly position: Position
  readonly level: Level
  readonly #reader: CursorReader
  #body: Body

  constructor(reader: CursorReader, args: readonly string[], position: Position, level: Level, hasBody: boolean) {
    this.#reader = reader
    this.args = args
    this.position = position
    this.level = level
    this.#body = hasBody ? 'unread' : 'none'
  }

  get resources(): Resources {
    return this.#reader.resources
  }

  get facts(): HostFacts {
    return this.#reader.source.facts
  }

  get reached(): Position | undefined {
    return this.#reader.reached
  }

  fail(message: string, cause?: SystemError): never {
    this.#reader.fail(message, cause)
  }

  failDirective(text: string): never {
    this.#reader.fail(`"${this.args[0] ?? ''}" directive ${text}`)
  }

  warn(message: string): void {
    this.#reader.warn(message)
  }

  own<Conf extends object>(owner: { readonly id: number }): Partial<Conf> {
    const { own } = this.level
    own[owner.id] ??= {}
    return own[owner.id] as Partial<Conf>
  }

  block(level: Level): void {
    this.#enterBody()
    this.#reader.readBlock(level, undefined)
  }

  words(onLine: LineHandler): void {
    this.#enterBody()
    this.#reader.readBlock(this.level, onLine)
  }

  fullName(path: string, base: 'conf' | 'prefix'): string {
    return this.#reader.fullName(path, base)
  }

  readFile(fullName: string): Buffer {
    return this.#reader.readFile(fullName)
  }

  resolveHost(host: string): readonly string[] | undefined {
    return this.#reader.source.resolveHost(host)
  }

  /** Called when the setter has returned. */
  assertBodyRead(): void {
    if (this.#body === 'unread') throw new TypeError(`the setter of "${this.args[0]}" did not read its block`)
  }

  #enterBody(): void {
    if (this.#body !== 'unread') throw new TypeError(`the setter of "${this.args[0]}" reads a block that is not there`)
    this.#body = 'read'
  }
}
