// The line that greets a newcomer after `npm start`: where sluice listens, and one command to try.

import { PROGRAM_NAME, VERSION } from '../log/program.ts'
import { addon } from '../native/addon.ts'
import type { ListeningSocket } from './listening_sockets.ts'

/** Asks for the line with any configuration. */
export const HELLO_VARIABLE = 'SLUICE_HELLO'

/** The line, or undefined when nothing listens. The first socket of the configuration is the one to try. */
export function helloLine(sockets: readonly ListeningSocket[]): string | undefined {
  const first = sockets[0]
  if (first === undefined) return undefined
  const urls = [...new Set(sockets.map(({ fd }) => urlOf(fd)))]
  const command =
    first.request.family === 'unix'
      ? `curl -i --unix-socket ${first.request.address} http://localhost/`
      : `curl -i ${urlOf(first.fd)}`
  return `${PROGRAM_NAME} ${VERSION} listens on ${urls.join(', ')}; try: ${command}`
}

/** What to type for the address that the system has bound (port 0 has become a real one). */
function urlOf(fd: number): string {
  const { family, address, port } = addon.socketName(fd)
  if (family === 'unix') return `unix:${address}`
  const anywhere = address === '0.0.0.0' || address === '::'
  const host = anywhere ? 'localhost' : family === 'inet6' ? `[${address}]` : address
  return `http://${host}${port === 80 ? '' : `:${port}`}/`
}
