// Regular expressions of the configuration: PCRE syntax to a JavaScript RegExp. What JavaScript cannot express is refused
// when the configuration is read, never silently changed.

import type { ConfigCursor } from '../config/types.ts'

/** Compiles `pattern`; `caseless` adds `i`. Fails with nginx's text for a pattern that does not compile. */
export function compileRegex(cf: ConfigCursor, pattern: string, caseless: boolean): RegExp {
  let source = pattern
  let flags = caseless ? 'i' : ''
  // A leading option group sets flags for the whole pattern.
  const options = /^\(\?([imsx]+)\)/.exec(source)
  if (options?.[1] !== undefined) {
    source = source.slice(options[0].length)
    for (const option of options[1]) {
      if (option === 'x') cf.fail(`regex "${pattern}": option "x" is not supported`)
      if (!flags.includes(option)) flags += option
    }
  }
  source = source
    .replaceAll('(?P<', '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replace(/\(\?P>(\w+)\)/g, (text) => cf.fail(`regex "${pattern}": "${text}" is not supported`))
    .replace(/\\A/g, '^')
    .replace(/\\[zZ]/g, '$$')
    .replace(/\\h/g, '[ \\t]')
    .replace(/\[\[:(\w+):\]\]/g, (text, name: string) => {
      const set = POSIX_CLASSES[name]
      return set === undefined ? text : `[${set}]`
    })
  try {
    return new RegExp(source, flags)
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^Invalid regular expression: .*: /, '') : String(error)
    return cf.fail(`pcre2_compile() failed: ${reason} in "${pattern}"`)
  }
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  xdigit: '0-9A-Fa-f',
  word: '\\w',
}
