// The lexer: bytes of one configuration file (or of the -g text) to words, one directive at a time. It knows quotes,
// escapes, comments and line numbers, and nothing of what words mean. Bytes are latin1 chars and are never decoded.
// Invariant: `line` is the line of the last byte taken; every error but "too long" carries it.

import { ConfigError } from './error.ts'
import type { Position } from './types.ts'

/** What ended the words: a simple directive, the start of a block, the end of the block, the end of the text. */
export type DirectiveEnd = ';' | '{' | '}' | 'end'

/** A word with its quotes and escapes (a comment too) must end within this many bytes; it is nginx's read buffer. */
export const MAX_TOKEN_BYTES = 4096
/** Bytes of an unquoted too long token that its error shows. */
const SHOWN_BYTES = 10

const NO_BYTE = -1
const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const HASH = 0x23
const DOLLAR = 0x24
const SINGLE_QUOTE = 0x27
const CLOSING_PARENTHESIS = 0x29
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

export class Lexer {
  /** Full name of the file; undefined for `-g` text, which has no token limit and other texts at its end. */
  readonly file: string | undefined
  readonly #text: string
  #next = 0
  #line = 1
  /** Where the current token (or comment) began: the reference of the length limit. */
  #start = 0
  #startLine = 1
  /** The quote that is open, or NO_BYTE: decides the text of the "too long" error. */
  #openQuote = NO_BYTE

  constructor(text: string, file: string | undefined) {
    this.#text = text
    this.file = file
  }

  get line(): number {
    return this.#line
  }

  get position(): Position {
    return { file: this.file, line: this.#line }
  }

  /** Appends the words of the next directive to `words` and says what ended it. */
  next(words: string[]): DirectiveEnd {
    this.#markStart(this.#next)
    for (;;) {
      const first = this.#skipToToken()
      switch (first) {
        case NO_BYTE:
          if (words.length > 0) this.#failAtEnd()
          return 'end'
        case SEMICOLON:
        case OPENING_BRACE:
          if (words.length === 0) this.#failUnexpected(first)
          return first === SEMICOLON ? ';' : '{'
        case CLOSING_BRACE:
          if (words.length > 0) this.#failUnexpected(first)
          return '}'
        case DOUBLE_QUOTE:
        case SINGLE_QUOTE: {
          words.push(this.#quotedToken(first))
          const end = this.#afterQuote()
          if (end !== undefined) return end
          break
        }
        default: {
          const end = this.#plainToken(first, words)
          if (end !== undefined) return end
        }
      }
    }
  }

  fail(message: string): never {
    throw new ConfigError(message, this.position)
  }

  /** Passes blanks and comments; takes and returns the first byte of a token. */
  #skipToToken(): number {
    for (;;) {
      const byte = this.#take()
      if (byte === NO_BYTE) return NO_BYTE
      this.#markStart(this.#next - 1)
      if (isBlank(byte)) continue
      if (byte !== HASH) return byte
      // The start stays at the `#`: a comment counts as one token against the limit.
      let inComment = NO_BYTE
      do inComment = this.#take()
      while (inComment !== LF && inComment !== NO_BYTE)
      if (inComment === NO_BYTE) return NO_BYTE
    }
  }

  #quotedToken(quote: number): string {
    this.#markStart(this.#next)
    this.#openQuote = quote
    for (;;) {
      const byte = this.#takeInToken()
      if (byte === quote) break
      if (byte === BACKSLASH) this.#takeInToken()
    }
    this.#openQuote = NO_BYTE
    return resolveEscapes(this.#text.slice(this.#start, this.#next - 1))
  }

  /** The byte behind a closing quote must separate; `)` separates too, and begins the next token: `if ($a = "b")`. */
  #afterQuote(): DirectiveEnd | undefined {
    const byte = this.#takeInToken()
    if (isBlank(byte)) return undefined
    if (byte === SEMICOLON) return ';'
    if (byte === OPENING_BRACE) return '{'
    if (byte !== CLOSING_PARENTHESIS) this.#failUnexpected(byte)
    this.#next--
    return undefined
  }

  #plainToken(first: number, words: string[]): DirectiveEnd | undefined {
    let byte = first
    // After `$`, braces belong to the token, as in `${name}`; they do so until another byte comes.
    let afterDollar = false
    for (;;) {
      if (byte === BACKSLASH) {
        this.#takeInToken()
        afterDollar = false
      } else if (byte === DOLLAR) {
        afterDollar = true
      } else if (!(afterDollar && byte === OPENING_BRACE)) {
        afterDollar = false
        if (isBlank(byte) || byte === SEMICOLON || byte === OPENING_BRACE) break
      }
      byte = this.#takeInToken()
    }
    words.push(resolveEscapes(this.#text.slice(this.#start, this.#next - 1)))
    if (byte === SEMICOLON) return ';'
    return byte === OPENING_BRACE ? '{' : undefined
  }

  #takeInToken(): number {
    const byte = this.#take()
    if (byte === NO_BYTE) this.#failAtEnd()
    return byte
  }

  #take(): number {
    if (this.#next >= this.#text.length) return NO_BYTE
    if (this.#next - this.#start >= MAX_TOKEN_BYTES && this.file !== undefined) this.#failTooLong()
    const byte = this.#text.charCodeAt(this.#next++)
    if (byte === LF) this.#line++
    return byte
  }

  #markStart(at: number): void {
    this.#start = at
    this.#startLine = this.#line
  }

  #failUnexpected(byte: number): never {
    this.fail(`unexpected "${String.fromCharCode(byte)}"`)
  }

  #failAtEnd(): never {
    if (this.file === undefined) this.fail('unexpected end of parameter, expecting ";"')
    this.fail('unexpected end of file, expecting ";" or "}"')
  }

  /** A missing quote swallows everything up to the limit; the line where it opened is the useful one. */
  #failTooLong(): never {
    this.#line = this.#startLine
    if (this.#openQuote !== NO_BYTE) {
      const quote = String.fromCharCode(this.#openQuote)
      this.fail(`too long parameter, probably missing terminating "${quote}" character`)
    }
    this.fail(`too long parameter "${this.#text.slice(this.#start, this.#start + SHOWN_BYTES)}..." started`)
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === TAB || byte === CR
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', "'": "'", '\\': '\\', t: '\t', r: '\r', n: '\n' }

/**
 * Resolves the escapes of a token. Unknown ones keep both bytes, so that regular expressions need no double escapes.
 */
function resolveEscapes(token: string): string {
  if (!token.includes('\\')) return token
  return token.replace(/\\([\s\S])/g, (both, escaped: string) => ESCAPES[escaped] ?? both)
}
