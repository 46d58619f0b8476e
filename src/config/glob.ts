// glob(3) as `include` needs it: `*`, `?`, `[...]` with ranges, negation (`!` or `^`) and character classes, `\` to
// escape. Names are sorted by bytes; a leading dot is matched by a dot only. Names are latin1 strings, one char = one
// byte. The walk asks for `list` and `exists` only, so that it can be tested without a disk.

export interface Directory {
  /**
   * Names in a folder, `.` and `..` among them; undefined when it cannot be read. `path` is '' for the current folder.
   */
  list(path: string): readonly string[] | undefined
  exists(path: string): boolean
}

export function hasGlobCharacters(path: string): boolean {
  return /[*?[]/.test(path)
}

/** Paths that match, sorted by bytes. No match is an empty list. */
export function expandGlob(escapedPattern: string, directory: Directory): string[] {
  // An escaped slash separates all the same: no name contains one.
  const pattern = escapedPattern.replaceAll('\\/', '/')
  const root = /^\/*/.exec(pattern)?.[0] ?? ''
  let paths = [root]
  // Separators stay with the name before them: doubled slashes survive as they do in glob(3).
  const parts = pattern.slice(root.length).match(/[^/]+\/*/g) ?? []
  for (const part of parts) {
    const name = part.replace(/\/+$/, '')
    const separator = part.slice(name.length)
    paths = paths.flatMap((path) => expandName(path, name, directory).map((found) => path + found + separator))
  }
  return paths.filter((path) => path !== '' && directory.exists(path)).sort(compareBytes)
}

/** Whether a file name (no slashes) matches one part of a pattern. */
export function matchesGlob(pattern: string, name: string): boolean {
  return compileName(pattern).test(name)
}

function expandName(path: string, name: string, directory: Directory): string[] {
  if (!hasGlobCharacters(name)) return [name.replace(/\\([\s\S])/g, '$1')]
  const matcher = compileName(name)
  return (directory.list(path) ?? []).filter((candidate) => matcher.test(candidate))
}

function compareBytes(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: ' \\t\\n\\v\\f\\r',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
}

function compileName(pattern: string): RegExp {
  let source = /^[*?[]/.test(pattern) ? '(?!\\.)' : ''
  let at = 0
  while (at < pattern.length) {
    const char = pattern.charAt(at)
    const set = char === '[' ? compileSet(pattern, at) : undefined
    if (set !== undefined) {
      source += set.source
      at = set.end
      continue
    }
    if (char === '*') source += '[^]*'
    else if (char === '?') source += '[^]'
    else if (char === '\\' && at + 1 < pattern.length) source += literal(pattern.charAt(++at))
    else source += literal(char)
    at++
  }
  return new RegExp(`^${source}$`)
}

/** The set that begins at `[`; undefined when it is not closed, which makes `[` an ordinary character. */
function compileSet(pattern: string, start: number): { source: string; end: number } | undefined {
  let at = start + 1
  const negated = pattern[at] === '!' || pattern[at] === '^'
  if (negated) at++
  let source = ''
  // A `]` in the first place belongs to the set.
  for (let first = true; at < pattern.length; first = false) {
    if (pattern[at] === ']' && !first) return { source: setSource(source, negated), end: at + 1 }
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at))
    const members = CLASSES[named?.[1] ?? '']
    if (named !== null && members !== undefined) {
      source += members
      at += named[0].length
      continue
    }
    const low = setMember(pattern, at)
    at = low.end
    if (pattern[at] !== '-' || pattern[at + 1] === ']' || at + 1 >= pattern.length) {
      source += literal(low.char)
      continue
    }
    const high = setMember(pattern, at + 1)
    at = high.end
    // A range that runs backwards matches nothing, as in C.
    if (low.char <= high.char) source += `${literal(low.char)}-${literal(high.char)}`
  }
  return undefined
}

function setMember(pattern: string, at: number): { char: string; end: number } {
  const escaped = pattern[at] === '\\' && at + 1 < pattern.length
  return { char: pattern.charAt(escaped ? at + 1 : at), end: at + (escaped ? 2 : 1) }
}

function setSource(members: string, negated: boolean): string {
  if (members === '') return negated ? '[^]' : '(?!)'
  return `[${negated ? '^' : ''}${members}]`
}

function literal(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}
