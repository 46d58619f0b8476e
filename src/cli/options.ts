// The command line as nginx reads it: one-letter options that may be clustered (`-tq`), values in the rest of the word or
// in the next one. Pure: words in, options out. Values are latin1 strings, one char = one byte.

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

/** What an option with a value requires, as its error says it. */
const REQUIRES: Readonly<Record<ValueLetter, string>> = {
  p: 'directory name',
  e: 'file name',
  c: 'file name',
  g: 'parameter',
  s: 'parameter',
}

/** Long forms, each a cluster of short ones. */
const LONG_FORMS: Readonly<Record<string, string>> = { '--help': '-h', '--version': '-v' }

const SIGNAL_WORDS: readonly string[] = ['stop', 'quit', 'reopen', 'reload', 'processes'] satisfies SignalWord[]

/** Reads the words after the program's name. Throws UsageError. */
export function parseOptions(words: readonly string[]): Options {
  const letters = new Set<string>()
  const values: Partial<Record<ValueLetter, string>> = {}
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    const cluster = LONG_FORMS[word] ?? word
    if (!cluster.startsWith('-')) throw new UsageError(`invalid option: "${word}"`)
    for (let at = 1; at < cluster.length; at++) {
      const letter = cluster[at]!
      if (isValueLetter(letter)) {
        const value = cluster.slice(at + 1) || words[++index]
        if (value === undefined || value === '')
          throw new UsageError(`option "-${letter}" requires ${REQUIRES[letter]}`)
        values[letter] = value
        break
      }
      if (!'?hvVtTq'.includes(letter)) throw new UsageError(`invalid option: "${letter}"`)
      letters.add(letter)
    }
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
}

function isValueLetter(letter: string): letter is ValueLetter {
  return Object.hasOwn(REQUIRES, letter)
}

function signalWord(word: string | undefined): SignalWord | undefined {
  if (word === undefined || SIGNAL_WORDS.includes(word)) return word as SignalWord | undefined
  throw new UsageError(`invalid option: "-s ${word}"`)
}
