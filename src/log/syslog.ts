// Messages to a syslog server: one datagram each, `<PRIORITY>TIME HOST TAG: MESSAGE` (RFC 3164), over UDP or to a Unix
// socket. Never waits: what the system does not take at once is lost, as in nginx. Connected when the first message is
// sent, by the process that sends it; after a failure the next message connects anew, since the server may have been
// started again.

import { addon, type SocketAddress } from '../native/addon.ts'
import { ALERT, ERROR, type LogLevel } from './levels.ts'
import { syslogTime } from './times.ts'

/** The numbers that a message carries are the indexes. */
export const FACILITIES: readonly string[] =
  'kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron local0 local1 \
local2 local3 local4 local5 local6 local7'.split(' ')
export const SEVERITIES: readonly string[] = ['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug']

/** Where to and as what; one `syslog:` of the configuration. */
export interface SyslogTarget {
  /** As written, for messages about it. */
  readonly server: string
  readonly address: SocketAddress
  /** Index in FACILITIES. */
  readonly facility: number
  /** Index in SEVERITIES, for lines that have none of their own. */
  readonly severity: number
  readonly tag: string
  /** undefined: the header carries no name of the machine. */
  readonly hostname: string | undefined
}

/** Who is told of a server that does not take messages: the error log of the configuration in force. */
type Report = (level: LogLevel, message: string) => void
let report: Report = () => {}

export function reportSyslogFailures(to: Report): void {
  report = to
}

export class SyslogPeer {
  readonly target: SyslogTarget
  readonly #origin: string
  #fd = -1
  /** It is sending, or tells of its failure: that message may be meant for itself. */
  #busy = false

  constructor(target: SyslogTarget) {
    this.target = target
    const { hostname, tag } = target
    this.#origin = hostname === undefined ? ` ${tag}: ` : ` ${hostname} ${tag}: `
  }

  /** Sends a line of latin1 text without its newline. */
  send(line: string, severity = this.target.severity): void {
    if (this.#busy) return
    this.#busy = true
    this.#send(`<${this.target.facility * 8 + severity}>${syslogTime()}${this.#origin}${line}`)
    this.#busy = false
  }

  close(): void {
    if (this.#fd >= 0) addon.close(this.#fd)
    this.#fd = -1
  }

  #send(message: string): void {
    if (this.#fd < 0 && !this.#connect()) return
    const sent = addon.sendText(this.#fd, message)
    if (sent >= 0) return
    this.#tell(ERROR, 'send', -sent)
    this.close()
  }

  #connect(): boolean {
    try {
      this.#fd = addon.openDatagramSocket(this.target.address)
      return true
    } catch (error) {
      const { syscall = 'connect', errno = 0 } = error as NodeJS.ErrnoException
      this.#tell(ALERT, syscall, Math.abs(errno))
      return false
    }
  }

  #tell(level: LogLevel, call: string, errno: number): void {
    const { server } = this.target
    report(level, `${call}() failed (${errno}: ${addon.strerror(errno)}) while logging to syslog, server: ${server}`)
  }
}
