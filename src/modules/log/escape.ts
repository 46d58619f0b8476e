// How values are made safe for a log line, one rule for each `escape=` word. Values are latin1 strings, one char = one byte.

export type EscapeName = 'default' | 'json' | 'none'

export interface EscapeRule {
  /** Matches a value that must be escaped; undefined = none ever. Without flags `g` and `y`: it is shared. */
  readonly needsWork: RegExp | undefined
  readonly escapeValue: (value: string) => string
  /** Stands for a variable that is not found. */
  readonly missing: string
}

export const ESCAPES: Readonly<Record<EscapeName, EscapeRule>> = {
  default: {
    needsWork: /["\\\x00-\x1f\x7f-\xff]/,
    escapeValue: (value) => value.replace(/["\\\x00-\x1f\x7f-\xff]/g, (c) => `\\x${hexByte(c).toUpperCase()}`),
    missing: '-',
  },
  // Bytes from 0x80 on stay: JSON is UTF-8, and so, hopefully, is the value.
  json: {
    needsWork: /["\\\x00-\x1f]/,
    escapeValue: (value) =>
      value.replace(/["\\\x00-\x1f]/g, (c) => JSON_ESCAPES[c] ?? `\\u00${hexByte(c).toUpperCase()}`),
    missing: '',
  },
  none: { needsWork: undefined, escapeValue: (value) => value, missing: '' },
}

const JSON_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}

function hexByte(c: string): string {
  return c.charCodeAt(0).toString(16).padStart(2, '0')
}
