// Text that variables bring into a head. $uri and captures are decoded: `%0d%0a` in a client's target must not become a
// line of its own in what we send.

const LINE_BREAKS = /[\r\n\0]/
const ALL_LINE_BREAKS = /[\r\n\0]/g
const NO_TARGET = /[\0-\x20\x7f]/
const ALL_NO_TARGET = /[\0-\x20\x7f]/g

/** A header value in one line: what would break it becomes blanks. */
export function cleanValue(text: string): string {
  return LINE_BREAKS.test(text) ? text.replace(ALL_LINE_BREAKS, ' ') : text
}

/** A request target in one word: blanks and control bytes are escaped. */
export function cleanTarget(text: string): string {
  return NO_TARGET.test(text) ? text.replace(ALL_NO_TARGET, hexEscape) : text
}

/** Anything that may stand as a method. */
export function isMethod(text: string): boolean {
  return /^[!-~]+$/.test(text)
}

function hexEscape(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
