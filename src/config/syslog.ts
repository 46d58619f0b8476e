// The parameters of a `syslog:` target as error_log and access_log write them: `syslog:server=ADDRESS,tag=NAME,...`.
// Checked here with nginx's texts; the server's address stays text until a sender for syslog exists.

import type { ConfigCursor } from './types.ts'

/** The numbers that a syslog message carries are the indexes. */
const FACILITIES =
  'kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron local0 local1 \
local2 local3 local4 local5 local6 local7'.split(' ')
const SEVERITIES = ['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug']
const MAX_TAG_BYTES = 32
const PREFIX = 'syslog:'

export interface SyslogTarget {
  /** `ADDRESS`, `ADDRESS:PORT` or `unix:PATH`, as written. */
  readonly server: string
  /** Number of the facility, local7 by default. */
  readonly facility: number
  /** Number of the severity of lines that have none of their own, info by default. */
  readonly severity: number
  readonly tag: string
  /** False by `nohostname`: the header carries no name of the machine. */
  readonly hostname: boolean
}

export function isSyslog(text: string): boolean {
  return text.startsWith(PREFIX)
}

/** Reads `syslog:PARAMETER,...`. */
export function readSyslog(cf: ConfigCursor, text: string): SyslogTarget {
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
  return {
    server: given.get('server') ?? cf.fail('no syslog server specified'),
    facility: FACILITIES.indexOf(given.get('facility') ?? 'local7'),
    severity: SEVERITIES.indexOf(given.get('severity') ?? 'info'),
    tag: given.get('tag') ?? 'sluice',
    hostname,
  }
}

function checkValue(cf: ConfigCursor, name: string, value: string): void {
  switch (name) {
    case 'server':
      checkServer(cf, value)
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

/** The little that can be said without resolving the name. */
function checkServer(cf: ConfigCursor, server: string): void {
  if (server === '') cf.fail('no host in syslog server ""')
  if (server === 'unix:') cf.fail('no path in the unix domain socket in syslog server "unix:"')
}
