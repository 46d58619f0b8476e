// What sluice calls itself on the wire: the Server header and the foot of built-in pages.

import { PROGRAM_NAME, VERSION } from '../log/program.ts'

/** Text for a value of server_tokens. */
export function serverToken(tokens: 'on' | 'off' | 'build'): string {
  return tokens === 'off' ? PROGRAM_NAME : `${PROGRAM_NAME}/${VERSION}`
}
