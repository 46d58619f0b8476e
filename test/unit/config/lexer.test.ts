import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DirectiveEnd, Lexer, MAX_TOKEN_BYTES } from '../../../src/config/lexer.ts'
import { errorOf } from './support.ts'

/** All directives of a text, each as its words and what ended it. */
function lex(text: string, file: string | undefined = 'F'): [...string[], DirectiveEnd][] {
  const lexer = new Lexer(text, file)
  const directives: [...string[], DirectiveEnd][] = []
  for (;;) {
    const words: string[] = []
    const end = lexer.next(words)
    if (end === 'end') return directives
    directives.push([...words, end])
  }
}

const lexError = (text: string, file?: string): string => errorOf(() => lex(text, file))
const paramError = (text: string): string => errorOf(() => new Lexer(text, undefined).next([]))

describe('words', () => {
  it('are separated by spaces, tabs and line ends, and ended by ; and {', () => {
    expect(lex('a b\tc\r\nd;e{}f;')).toEqual([['a', 'b', 'c', 'd', ';'], ['e', '{'], ['}'], ['f', ';']])
  })

  it('in quotes keep blanks, semicolons, braces and the other quote', () => {
    expect(lex(`a "b ;{}'" 'c "#';`)).toEqual([['a', `b ;{}'`, `c "#`, ';']])
  })

  it('in quotes may be empty', () => {
    expect(lex(`a "" '';`)).toEqual([['a', '', '', ';']])
  })

  it('take quotes, } and # literally when they do not begin with them', () => {
    expect(lex(`a b"c" d'ex} f;`)).toEqual([['a', 'b"c"', `d'ex}`, 'f', ';']])
    expect(lex('a b#c;')).toEqual([['a', 'b#c', ';']])
  })

  it('keep braces behind a dollar sign', () => {
    expect(lex('a ${b}c $d{')).toEqual([['a', '${b}c', '$d', '{']])
    expect(lex('a x${b};')).toEqual([['a', 'x${b}', ';']])
    expect(lex('a ${{;')).toEqual([['a', '${{', ';']])
    expect(lex('a $\\{{')).toEqual([['a', '$\\{', '{']])
  })

  it('resolve escapes of quotes, backslash, t, r and n and keep all others', () => {
    expect(lex(String.raw`a \"\'\\ \t\r\n \.\d "\"\n\.";`)).toEqual([['a', `"'\\`, '\t\r\n', '\\.\\d', '"\n\\.', ';']])
  })

  it('are not ended by an escaped byte', () => {
    expect(lex('a b\\ c\\;d \\{e;')).toEqual([['a', 'b\\ c\\;d', '\\{e', ';']])
    expect(lex('\\#a;')).toEqual([['\\#a', ';']])
  })

  it('may begin with ) right behind a closing quote', () => {
    expect(lex('if ("$a" = "b"){')).toEqual([['if', '("$a"', '=', 'b', ')', '{']])
  })

  it('are bytes, not characters', () => {
    const bytes = Buffer.from('ä').toString('latin1')
    expect(lex(`a ${bytes};`)).toEqual([['a', bytes, ';']])
  })

  it('survive quoting, whatever bytes they are made of', () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
    const frequent = fc.constantFrom(...'\\"\'${};# \n\tntr')
    const word = fc.array(fc.oneof(byte, frequent), { maxLength: 30 }).map((bytes) => bytes.join(''))
    const quote = fc.constantFrom('"', "'")
    fc.assert(
      fc.property(fc.array(fc.tuple(word, quote), { minLength: 1, maxLength: 5 }), (words) => {
        const text = words.map(([value, mark]) => mark + value.replace(/["'\\]/g, '\\$&') + mark).join(' ')
        expect(lex(`${text};`)).toEqual([[...words.map(([value]) => value), ';']])
      }),
    )
  })

  it('without special bytes need no quotes', () => {
    const plain = fc.stringMatching(/^[a-zA-Z0-9_.:/=,()*@~-]{1,30}$/)
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 5 }), (words) => {
        expect(lex(`${words.join(' ')};`)).toEqual([[...words, ';']])
      }),
    )
  })
})

describe('comments', () => {
  it('reach from a # at the start of a word to the end of the line', () => {
    expect(lex('#x;\na # b;\nc; # d')).toEqual([['a', 'c', ';']])
  })

  it('are a token for the length limit, as in nginx', () => {
    expect(lex(`#${'x'.repeat(MAX_TOKEN_BYTES - 2)}\n`)).toEqual([])
    expect(lexError(`\n#${'x'.repeat(MAX_TOKEN_BYTES)}\n`)).toBe('too long parameter "#xxxxxxxxx..." started in F:2')
  })
})

describe('errors', () => {
  it.each([
    [';', 'unexpected ";" in F:1'],
    ['{', 'unexpected "{" in F:1'],
    ['a }', 'unexpected "}" in F:1'],
    ['a "b"c;', 'unexpected "c" in F:1'],
    ['a "b"};', 'unexpected "}" in F:1'],
    ['\n\na "b"\'c\';', 'unexpected "\'" in F:3'],
  ])('%j: %s', (text, error) => {
    expect(lexError(text)).toBe(error)
  })

  it.each(['a', 'a ', 'a b', 'a "b', "a 'b", 'a "b"', 'a # b;', 'a \\', 'a b\\;', '"', '\\', 'a ${b'])(
    'an unfinished directive %j',
    (text) => {
      expect(lexError(text)).toBe('unexpected end of file, expecting ";" or "}" in F:1')
    },
  )

  it('speak of a parameter in -g text', () => {
    expect(paramError('a b')).toBe('unexpected end of parameter, expecting ";" in command line')
    expect(paramError('a "b"c;')).toBe('unexpected "c" in command line')
  })

  it('carry the line that has been reached', () => {
    expect(lexError('a\n"b\n\n"c;')).toBe('unexpected "c" in F:4')
    expect(lexError('a # x\n\n')).toBe('unexpected end of file, expecting ";" or "}" in F:3')
  })
})

describe('the length limit', () => {
  const long = 'x'.repeat(MAX_TOKEN_BYTES)

  it('counts what ends the word', () => {
    expect(lex(`a ${long.slice(1)};`)).toEqual([['a', long.slice(1), ';']])
    expect(lexError(`a ${long};`)).toBe('too long parameter "xxxxxxxxxx..." started in F:1')
  })

  it('holds for a word, not for the directive', () => {
    const half = long.slice(MAX_TOKEN_BYTES / 2)
    expect(lex(`a ${half} ${half} ${half};`)).toHaveLength(1)
  })

  it('blames a missing quote and names the line where the word began', () => {
    expect(lexError(`\na "\n${long}`)).toBe('too long parameter, probably missing terminating """ character in F:2')
    expect(lexError(`\n\na '\n${long}`)).toBe('too long parameter, probably missing terminating "\'" character in F:3')
  })

  it('forgets the quotes of earlier words', () => {
    expect(lexError(`a "b" ${long};`)).toBe('too long parameter "xxxxxxxxxx..." started in F:1')
  })

  it('yields to the end of the file', () => {
    expect(lexError(`a ${long}`)).toBe('unexpected end of file, expecting ";" or "}" in F:1')
  })

  it('does not hold for -g text', () => {
    const words: string[] = []
    new Lexer(`a ${long}x;`, undefined).next(words)
    expect(words).toEqual(['a', `${long}x`])
  })
})
