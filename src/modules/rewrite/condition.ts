// The condition of an if: `$v`, `$v = text`, `$v ~ regex`, `-f path` and their opposites. nginx's parser, which expects
// blanks around the operators, with its texts.

import { statSync } from 'node:fs'
import { asSystemError, errnoText } from '../../config/errno_text.ts'
import type { ConfigCursor } from '../../config/types.ts'
import { httpLevel } from '../../http/levels.ts'
import type { HttpRequest } from '../../http/request.ts'
import { compileValue } from '../../http/value.ts'
import { CRIT } from '../../log/levels.ts'
import { systemPath } from '../static/open_file.ts'
import { compileMatcher } from './matcher.ts'

/** `isLogged`: rewrite_log is on. */
export type Condition = (r: HttpRequest, isLogged: boolean) => boolean

export function parseCondition(cf: ConfigCursor): Condition {
  const words = withoutParentheses(cf)
  const [first = '', operator, operand = ''] = words
  const invalid = (): never => cf.fail(`invalid condition "${first}"`)
  if (first.length > 1 && first.startsWith('$')) {
    if (operator === undefined) return variableCondition(cf, first)
    return words.length === 3 ? comparison(cf, first, operator, operand) : invalid()
  }
  const [, not, test] = /^(!?)-(.)$/.exec(first) ?? []
  if (test === undefined || words.length !== 2) return invalid()
  return fileCondition(cf, test, operator ?? '', not === '!') ?? invalid()
}

/** The words between `(` and `)`, which may stand alone or touch the first and last word. */
function withoutParentheses(cf: ConfigCursor): string[] {
  const words = cf.args.slice(1)
  const first = words[0] ?? ''
  if (!first.startsWith('(')) cf.fail(`invalid condition "${first}"`)
  if (first === '(') words.shift()
  else words[0] = first.slice(1)
  const last = words.at(-1) ?? ''
  if (!last.endsWith(')')) cf.fail(`invalid condition "${last}"`)
  if (last === ')') words.pop()
  else words[words.length - 1] = last.slice(0, -1)
  return words
}

type Reader = (r: HttpRequest) => string

function variableReader(cf: ConfigCursor, word: string): Reader {
  const reference = httpLevel(cf).variables.reference(word.slice(1))
  return (r) => reference.get(r) ?? ''
}

function variableCondition(cf: ConfigCursor, word: string): Condition {
  const read = variableReader(cf, word)
  return (r) => {
    const value = read(r)
    return value !== '' && value !== '0'
  }
}

function comparison(cf: ConfigCursor, word: string, operator: string, operand: string): Condition {
  const read = variableReader(cf, word)
  switch (operator) {
    case '=':
    case '!=': {
      const text = compileValue(cf, operand)
      const wanted = operator === '='
      return (r) => (read(r) === text.get(r)) === wanted
    }
    case '~':
    case '~*':
    case '!~':
    case '!~*': {
      const match = compileMatcher(cf, operand, operator.endsWith('*'))
      const wanted = !operator.startsWith('!')
      return (r, isLogged) => match(r, read(r), isLogged) === wanted
    }
    default:
      return cf.fail(`unexpected "${operator}" in condition`)
  }
}

/** Errors that only say that the file is not there. */
const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])
const OWNER_MAY_EXECUTE = 0o100

type Stats = NonNullable<ReturnType<typeof statSync>>

const FILE_TESTS: Readonly<Record<string, (stats: Stats) => boolean>> = {
  f: (stats) => stats.isFile(),
  d: (stats) => stats.isDirectory(),
  e: () => true,
  x: (stats) => (Number(stats.mode) & OWNER_MAY_EXECUTE) !== 0,
}

function fileCondition(cf: ConfigCursor, test: string, operand: string, not: boolean): Condition | undefined {
  const holds = FILE_TESTS[test]
  if (holds === undefined) return undefined
  const path = compileValue(cf, operand)
  return (r) => {
    const stats = statOf(r, path.get(r))
    return (stats !== undefined && holds(stats)) !== not
  }
}

function statOf(r: HttpRequest, path: string): Stats | undefined {
  try {
    return statSync(systemPath(path))
  } catch (error) {
    const cause = asSystemError(error)
    if (cause !== undefined && !MISSING.has(cause.code)) r.log(CRIT, `stat() "${path}" failed (${errnoText(cause)})`)
    return undefined
  }
}
