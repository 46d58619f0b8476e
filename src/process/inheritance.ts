// What a new binary gets from the master that is being upgraded: listening sockets, so that no connection is refused, and
// zones, so that nobody's count is forgotten. The descriptors come by exec, two environment variables say what they are.
// The variables are read by other versions than the one that writes them: they may be extended, not changed.
//   SLUICE        `3;4;`  descriptors of listening sockets; the kernel knows their addresses
//   SLUICE_ZONES  JSON    what each zone's descriptor is; another build may be unable to use one, and then starts it anew

import { asSystemError, errnoText } from '../config/errno_text.ts'
import type { ListenRequest } from '../config/types.ts'
import type { ErrorLog } from '../log/error_log.ts'
import { CRIT, EMERG, NOTICE, WARN } from '../log/levels.ts'
import { addon } from '../native/addon.ts'
import type { ListeningSocket } from './listening_sockets.ts'
import { adoptZone, type OpenZone, type ZoneRecord } from './zones.ts'

export const SOCKETS_VARIABLE = 'SLUICE'
export const ZONES_VARIABLE = 'SLUICE_ZONES'

/** What was handed over, ready to be matched with the configuration as if it were a previous cycle. */
export interface Inheritance {
  readonly sockets: readonly ListeningSocket[]
  readonly zones: readonly OpenZone[]
}

/** Takes over what an old master has passed, and removes the variables; undefined when this is no upgrade. */
export function takeInheritance(environment: NodeJS.ProcessEnv, log: ErrorLog): Inheritance | undefined {
  const { [SOCKETS_VARIABLE]: sockets, [ZONES_VARIABLE]: zones = '[]' } = environment
  if (sockets === undefined) return undefined
  delete environment[SOCKETS_VARIABLE]
  delete environment[ZONES_VARIABLE]
  log.write(NOTICE, `using inherited sockets from "${sockets}"`)
  return { sockets: inheritedSockets(sockets, log), zones: inheritedZones(zones, log) }
}

/** The values of the variables for descriptors that will have these numbers in the new process. */
export function inheritanceVariables(
  sockets: readonly number[],
  zones: readonly ZoneRecord[],
): Readonly<Record<string, string>> {
  return {
    [SOCKETS_VARIABLE]: sockets.map((fd) => `${fd};`).join(''),
    [ZONES_VARIABLE]: JSON.stringify(zones),
  }
}

/** Those of one address went on being served by all workers of the old master: new connections are spread among them all. */
function inheritedSockets(text: string, log: ErrorLog): ListeningSocket[] {
  const sockets = openedSockets(text, log)
  return sockets.map((socket) => {
    const spread = sockets.filter(({ request }) => request.text === socket.request.text).length
    return { ...socket, spread }
  })
}

function openedSockets(text: string, log: ErrorLog): ListeningSocket[] {
  const sockets: ListeningSocket[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== ':' && text[at] !== ';') continue
    const digits = text.slice(start, at)
    if (!/^[0-9]+$/.test(digits)) {
      const wrong = text.slice(start)
      log.write(
        EMERG,
        `invalid socket number "${wrong}" in ${SOCKETS_VARIABLE} environment variable, ignoring the rest of the variable`,
      )
      return sockets
    }
    const socket = inheritedSocket(Number(digits), log)
    if (socket !== undefined) sockets.push(socket)
    start = at + 1
  }
  if (start < text.length) {
    log.write(
      EMERG,
      `invalid socket number "${text.slice(start)}" in ${SOCKETS_VARIABLE} environment variable, ignoring`,
    )
  }
  return sockets
}

function inheritedSocket(fd: number, log: ErrorLog): ListeningSocket | undefined {
  try {
    return { fd, share: -1, spread: 1, inherited: true, request: requestOf(fd) }
  } catch (error) {
    const cause = asSystemError(error)
    if (cause === undefined) throw error
    log.write(CRIT, `getsockname() of the inherited socket #${fd} failed (${errnoText(cause)})`)
    return undefined
  }
}

/** Only its address counts. The options are such that each one of the configuration differs and is set again. */
function requestOf(fd: number): ListenRequest {
  const { family, address, port } = addon.socketName(fd)
  const host = family === 'inet6' ? `[${address}]` : address
  return {
    family,
    address,
    port,
    text: family === 'unix' ? `unix:${address}` : `${host}:${port}`,
    backlog: -1,
    reuseport: false,
    ipv6only: true,
    rcvbuf: -1,
    sndbuf: -1,
    deferred: family !== 'unix',
    fastopen: -1,
    keepalive: undefined,
  }
}

function inheritedZones(json: string, log: ErrorLog): OpenZone[] {
  let records: ZoneRecord[]
  try {
    records = JSON.parse(json) as ZoneRecord[]
  } catch {
    log.write(EMERG, `invalid ${ZONES_VARIABLE} environment variable, ignoring`)
    return []
  }
  return records.map((record) => inheritedZone(record, log)).filter((zone) => zone !== undefined)
}

function inheritedZone(record: ZoneRecord, log: ErrorLog): OpenZone | undefined {
  try {
    return adoptZone(record)
  } catch (error) {
    log.write(
      WARN,
      `inherited zone "${record.name}" cannot be used, what it has counted is lost: ${(error as Error).message}`,
    )
    return undefined
  }
}
