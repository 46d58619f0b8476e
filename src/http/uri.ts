// Request targets: decoding and normalising a path as nginx does (spec http-core.md §2.2), and escaping one again for a
// request line or a Location. Everything is latin1 text, one character a byte.

/** A path that needs work: `%`, `#`, `//` or `/.` in it. */
const COMPLEX = /[%#]|\/[/.]/

/** Result of normalising: `uri` decoded and clean, `args` raw. */
export interface NormalizedUri {
  readonly uri: string
  readonly args: string
  /** The path had %XX in it: it must be escaped again wherever it is used in a URI. */
  readonly quoted: boolean
}

/** `target` begins with `/`, or has no path (absolute form). Undefined = malformed (400). */
export function normalizeUri(target: string, mergeSlashes: boolean): NormalizedUri | undefined {
  const question = target.indexOf('?')
  const hash = target.indexOf('#')
  const pathEnd = question >= 0 && (hash < 0 || question < hash) ? question : hash >= 0 ? hash : target.length
  const path = pathEnd === target.length ? target : target.slice(0, pathEnd)
  const args = pathEnd === question ? target.slice(question + 1, hash < 0 ? undefined : hash) : ''
  if (!COMPLEX.test(path)) return { uri: path === '' ? '/' : path, args, quoted: false }
  const quoted = path.includes('%')
  const decoded = quoted ? decodePath(path) : path
  if (decoded === undefined) return undefined
  const uri = cleanPath(decoded, mergeSlashes)
  return uri === undefined ? undefined : { uri, args, quoted }
}

/** Decodes %XX once; undefined on bad hex or %00. */
function decodePath(path: string): string | undefined {
  let decoded = ''
  let from = 0
  for (let i = path.indexOf('%'); i >= 0; i = path.indexOf('%', from)) {
    const code = hexByte(path, i + 1)
    if (code <= 0) return undefined
    decoded += path.slice(from, i) + String.fromCharCode(code)
    from = i + 3
  }
  return decoded + path.slice(from)
}

/** Removes `.` and `..` segments and, if asked, empty ones; undefined when `..` climbs above the root. */
function cleanPath(path: string, mergeSlashes: boolean): string | undefined {
  const segments = path.split('/')
  const kept: string[] = []
  // segments[0] is what stands before the first slash: empty for every valid target.
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as string
    const last = i === segments.length - 1
    if (segment === '.') {
      if (last) kept.push('')
    } else if (segment === '..') {
      if (kept.length === 0) return undefined
      kept.pop()
      if (last) kept.push('')
    } else if (segment === '' && mergeSlashes && !last) {
    } else kept.push(segment)
  }
  // `/a//` keeps one final slash; `//` alone is `/`.
  return `/${kept.join('/')}`
}

/** Value of two hex digits at `i`, or -1. */
function hexByte(text: string, i: number): number {
  const code = text.slice(i, i + 2)
  return /^[0-9a-fA-F]{2}$/.test(code) ? Number.parseInt(code, 16) : -1
}

/** Behind the last dot of the last segment ($uri's extension), or ''. */
export function extensionOf(uri: string): string {
  const slash = uri.lastIndexOf('/')
  const dot = uri.lastIndexOf('.')
  return dot > slash ? uri.slice(dot + 1) : ''
}

const ESCAPE_URI = /[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]/g

/** Escapes a decoded path for a request line or Location (nginx's class URI): upper-case hex. */
export function escapeUri(path: string): string {
  return path.replace(ESCAPE_URI, hexEscape)
}

function hexEscape(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** True when a path that a module wants to redirect to could leave the root: `..` segments, NUL, or empty. */
export function isUnsafeUri(path: string): boolean {
  return path === '' || path.includes('\0') || /(^|\/)\.\.(\/|$)/.test(path)
}
