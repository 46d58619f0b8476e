// The parameters of a `syslog:` target as error_log and access_log write them: `syslog:server=ADDRESS,tag=NAME,...`.
// Checked here with nginx's texts; who sends is log/syslog.ts.

import { isIPv4, isIPv6 } from 'node:net'
import { FACILITIES, SEVERITIES, type SyslogPeer, type SyslogTarget } from '../log/syslog.ts'
import type { ConfigCursor } from './types.ts'

const MAX_TAG_BYTES = 32
const PREFIX = 'syslog:'
const UNIX_PREFIX = 'unix:'
const DEFAULT_PORT = 514
/** Room in the kernel's sockaddr_un, without the terminating zero. */
const UNIX_PATH_MAX = 107

export function isSyslog(text: string): boolean {
  return text.startsWith(PREFIX)
}

/** Reads `syslog:PARAMETER,...` and registers its peer. */
export function readSyslog(cf: ConfigCursor, text: string): SyslogPeer {
  const given = new Map<string, string>()
  let hostname = true
  for (const parameter of text.slice(PREFIX.length).split(',')) {
    if (parameter === 'nohostname') {
      hostname = false
      continue
    }
    const [, name = '', value = ''] =
      /^(server|facility|severity|tag)=(.*)$/s.exec(parameter) ?? cf.fail(`unknown syslog parameter "${parameter}"`)
    if (given.has(name)) cf.fail(`duplicate syslog "${name}"`)
    given.set(name, value)
    checkValue(cf, name, value)
  }
  const server = given.get('server') ?? cf.fail('no syslog server specified')
  return cf.resources.syslog({
    server,
    address: addressOf(cf, server),
    facility: FACILITIES.indexOf(given.get('facility') ?? 'local7'),
    severity: SEVERITIES.indexOf(given.get('severity') ?? 'info'),
    tag: given.get('tag') ?? 'sluice',
    hostname: hostname ? cf.facts.hostname : undefined,
  })
}

function checkValue(cf: ConfigCursor, name: string, value: string): void {
  switch (name) {
    case 'server':
      addressOf(cf, value)
      break
    case 'facility':
      if (!FACILITIES.includes(value)) cf.fail(`unknown syslog facility "${value}"`)
      break
    case 'severity':
      if (!SEVERITIES.includes(value)) cf.fail(`unknown syslog severity "${value}"`)
      break
    default:
      if (value.length > MAX_TAG_BYTES) cf.fail(`syslog tag length exceeds ${MAX_TAG_BYTES}`)
      if (/[^0-9A-Za-z_]/.test(value)) cf.fail('syslog "tag" only allows alphanumeric characters and underscore')
  }
}

/** `ADDRESS`, `ADDRESS:PORT` or `unix:PATH`; of a name with several addresses the first. */
function addressOf(cf: ConfigCursor, server: string): SyslogTarget['address'] {
  const fail = (reason: string): never => cf.fail(`${reason} in syslog server "${server}"`)
  if (server.startsWith(UNIX_PREFIX)) {
    const path = server.slice(UNIX_PREFIX.length)
    if (path === '') fail('no path in the unix domain socket')
    if (path.length > UNIX_PATH_MAX) fail('too long path in the unix domain socket')
    return { family: 'unix', address: path, port: 0 }
  }
  const [, bracketed, plain = '', portText] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(server) ?? fail('invalid host')
  const port = portText === undefined ? DEFAULT_PORT : /^\d{1,5}$/.test(portText) ? Number(portText) : 0
  if (port < 1 || port > 65535) fail('invalid port')
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? { family: 'inet6', address: bracketed, port } : fail('invalid IPv6 address')
  }
  if (plain === '') fail('no host')
  const address = isIPv4(plain) ? plain : (cf.resolveHost(plain)?.[0] ?? fail('host not found'))
  return { family: address.includes(':') ? 'inet6' : 'inet', address, port }
}
