// What the configuration needs from the process (shared memory zones, log files, listening sockets), gathered while it
// is read and created by the cycle afterwards. Maps keep the order of first mention: the cycle creates in that order.

import { LogFile } from '../log/log_file.ts'
import { SyslogPeer, type SyslogTarget } from '../log/syslog.ts'
import { ConfigError } from './error.ts'
import type { ConfigCursor, ListenRequest, Resources, ZoneRequest } from './types.ts'

export class ConfigResources implements Resources {
  readonly zones = new Map<string, ZoneRequest>()
  readonly files = new Map<string, LogFile>()
  readonly syslogs: SyslogPeer[] = []
  readonly listens: ListenRequest[] = []
  readonly folders = new Set<string>()

  /** A zone may be referred to before it is declared, but belongs to one owner and has one size. */
  zone(cf: ConfigCursor, name: string, sizeBytes: number, tag: string): ZoneRequest {
    const known = this.zones.get(name)
    if (known === undefined) {
      const zone: ZoneRequest = { name, tag, sizeBytes, keyText: undefined, statePath: undefined, handle: undefined }
      this.zones.set(name, zone)
      return zone
    }
    if (known.tag !== tag) cf.fail(`the shared memory zone "${name}" is already declared for a different use`)
    if (known.sizeBytes === 0) known.sizeBytes = sizeBytes
    if (sizeBytes !== 0 && sizeBytes !== known.sizeBytes) {
      const declared = known.sizeBytes
      cf.fail(`the size ${sizeBytes} of shared memory zone "${name}" conflicts with already declared size ${declared}`)
    }
    return known
  }

  file(fullName: string): LogFile {
    const known = this.files.get(fullName)
    if (known !== undefined) return known
    const file = new LogFile(fullName)
    this.files.set(fullName, file)
    return file
  }

  syslog(target: SyslogTarget): SyslogPeer {
    const peer = new SyslogPeer(target)
    this.syslogs.push(peer)
    return peer
  }
}

/** After reading: every zone that was referred to must have been declared, which gave it its size. */
export function checkZones({ zones }: Resources): void {
  for (const { name, sizeBytes } of zones.values()) {
    if (sizeBytes === 0) throw new ConfigError(`zero size shared memory zone "${name}"`)
  }
}
