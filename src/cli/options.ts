// The command line as nginx reads it: one-letter options that may be clustered (`-tq`), values in the rest of the word or
// in the next one. Every letter has a long form beside it (`--test`, `--config=FILE` or `--config FILE`).
// Pure: words in, options out. Values are latin1 strings, one char = one byte.

/** Words of `-s`. The last one is no signal: it prints the process table of the running instance. */
export type SignalWord = 'stop' | 'quit' | 'reopen' | 'reload' | 'processes'

export interface Options {
  readonly showHelp: boolean
  readonly showVersion: boolean
  /** -V: with the versions of what it is built of. */
  readonly showBuild: boolean
  readonly test: boolean
  /** -T: dump the configuration after testing it. */
  readonly dump: boolean
  readonly quiet: boolean
  readonly signal: SignalWord | undefined
  /** -p, -e, -c, -g as given. */
  readonly prefix: string | undefined
  readonly errorLog: string | undefined
  readonly file: string | undefined
  readonly directives: string | undefined
}

/** A wrong command line; `message` is what follows `sluice: `. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type ValueLetter = 'p' | 'e' | 'c' | 'g' | 's'
type FlagLetter = '?' | 'h' | 'v' | 'V' | 't' | 'T' | 'q'

/** What an option with a value requires, as its error says it. */
const REQUIRES: Readonly<Record<ValueLetter, string>> = {
  p: 'directory name',
  e: 'file name',
  c: 'file name',
  g: 'parameter',
  s: 'parameter',
}

const LONG_FORMS: Readonly<Record<string, FlagLetter | ValueLetter>> = {
  '--help': 'h',
  '--version': 'v',
  '--build-info': 'V',
  '--test': 't',
  '--dump': 'T',
  '--quiet': 'q',
  '--signal': 's',
  '--prefix': 'p',
  '--error-log': 'e',
  '--config': 'c',
  '--directives': 'g',
}

const SIGNAL_WORDS: readonly string[] = ['stop', 'quit', 'reopen', 'reload', 'processes'] satisfies SignalWord[]

/** Reads the words after the program's name. Throws UsageError. */
export function parseOptions(words: readonly string[]): Options {
  const letters = new Set<string>()
  const values: Partial<Record<ValueLetter, string>> = {}
  const rest = words[Symbol.iterator]()
  for (const word of rest) {
    if (!word.startsWith('-')) throw new UsageError(`invalid option: "${word}"`)
    if (word.startsWith('--')) readLongForm(word)
    else readCluster(word)
  }
  const showHelp = letters.has('?') || letters.has('h')
  return {
    showHelp,
    showVersion: showHelp || letters.has('v') || letters.has('V'),
    showBuild: letters.has('V'),
    test: letters.has('t') || letters.has('T'),
    dump: letters.has('T'),
    quiet: letters.has('q'),
    signal: signalWord(values.s),
    prefix: values.p,
    errorLog: values.e,
    file: values.c,
    directives: values.g,
  }

  function readCluster(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!
      if (isValueLetter(letter)) {
        takeValue(letter, `-${letter}`, word.slice(at + 1))
        return
      }
      if (!'?hvVtTq'.includes(letter)) throw new UsageError(`invalid option: "${letter}"`)
      letters.add(letter)
    }
  }

  function readLongForm(word: string): void {
    const [name, value] = splitAtFirst(word, '=')
    const letter = Object.hasOwn(LONG_FORMS, name) ? LONG_FORMS[name] : undefined
    if (letter === undefined) throw new UsageError(`invalid option: "${name}"`)
    if (isValueLetter(letter)) takeValue(letter, name, value ?? '', value !== undefined)
    else if (value !== undefined) throw new UsageError(`option "${name}" takes no value`)
    else letters.add(letter)
  }

  /** The value is `glued` to its option or, where nothing is glued, the next word. */
  function takeValue(letter: ValueLetter, option: string, glued: string, isGlued = glued !== ''): void {
    const value = isGlued ? glued : rest.next().value
    if (value === undefined || value === '') throw new UsageError(`option "${option}" requires ${REQUIRES[letter]}`)
    values[letter] = value
  }
}

function isValueLetter(letter: string): letter is ValueLetter {
  return Object.hasOwn(REQUIRES, letter)
}

function splitAtFirst(text: string, mark: string): [before: string, after: string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function signalWord(word: string | undefined): SignalWord | undefined {
  if (word === undefined || SIGNAL_WORDS.includes(word)) return word as SignalWord | undefined
  throw new UsageError(`invalid option: "-s ${word}"`)
}
