import { closeSync, openSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { INFO } from '../../../src/log/levels.ts'
import { LogFile } from '../../../src/log/log_file.ts'
import { addon } from '../../../src/native/addon.ts'
import { inheritanceVariables, takeInheritance } from '../../../src/process/inheritance.ts'

let lines: string[]
let log: ErrorLog
let open: number[]

class Lines extends LogFile {
  override write(line: string): void {
    lines.push(line)
  }
}

beforeEach(() => {
  lines = []
  open = []
  log = new ErrorLog([{ file: new Lines('lines'), level: INFO }])
})

afterEach(() => {
  for (const fd of open) addon.close(fd)
})

function listening(): number {
  const fd = addon.openListeningSocket({
    family: 'inet',
    address: '127.0.0.1',
    port: 0,
    backlog: 1,
    reuseport: false,
    ipv6only: true,
  })
  open.push(fd)
  return fd
}

function zoneMemory(name: string): number {
  const fd = addon.createSharedMemory(name, 65536)
  addon.createLimitReqZone(fd, 65536, name, '$arg_k')
  return fd
}

describe('takeInheritance', () => {
  test('is undefined when no old master has passed anything', () => {
    expect(takeInheritance({}, log)).toBeUndefined()
    expect(lines).toEqual([])
  })

  test('finds the sockets and zones that were passed, and removes the variables', () => {
    const socket = listening()
    const zone = zoneMemory('one')
    open.push(zone)
    const record = {
      name: 'one',
      tag: 'limit_req',
      sizeBytes: 65536,
      keyText: '$arg_k',
      statePath: undefined,
      fd: zone,
    }
    const environment: NodeJS.ProcessEnv = { ...inheritanceVariables([socket], [record]), OTHER: 'kept' }
    const { sockets, zones } = takeInheritance(environment, log)!
    const { port } = addon.socketName(socket)
    expect(sockets).toMatchObject([
      {
        fd: socket,
        inherited: true,
        request: { family: 'inet', address: '127.0.0.1', port, text: `127.0.0.1:${port}` },
      },
    ])
    expect(zones).toMatchObject([{ name: 'one', tag: 'limit_req', sizeBytes: 65536, keyText: '$arg_k', fd: zone }])
    expect(environment).toEqual({ OTHER: 'kept' })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`[notice] `)
    expect(lines[0]).toContain(`using inherited sockets from "${socket};"`)
  })

  test('ignores the rest of the variable behind what is no number', () => {
    const first = listening()
    const { sockets } = takeInheritance({ SLUICE: `${first};x;${first};` }, log)!
    expect(sockets).toHaveLength(1)
    expect(lines[1]).toContain(
      `[emerg] ${process.pid}#${process.pid}: invalid socket number "x;${first};" in SLUICE environment variable, ` +
        'ignoring the rest of the variable',
    )
  })

  test('ignores what is not ended', () => {
    expect(takeInheritance({ SLUICE: '12' }, log)!.sockets).toEqual([])
    expect(lines[1]).toContain('invalid socket number "12" in SLUICE environment variable, ignoring')
  })

  test('ignores a descriptor that is no socket', () => {
    const fd = openSync('/dev/null', 'r')
    try {
      expect(takeInheritance({ SLUICE: `${fd};` }, log)!.sockets).toEqual([])
    } finally {
      closeSync(fd)
    }
    expect(lines[1]).toContain(`[crit]`)
    expect(lines[1]).toContain(`getsockname() of the inherited socket #${fd} failed (88: `)
  })

  test('does without a zone that this build cannot use', () => {
    const fd = addon.createSharedMemory('empty', 65536)
    const zones = [
      { name: 'empty', tag: 'limit_req', sizeBytes: 65536, keyText: '$arg_k', statePath: undefined, fd },
      {
        name: 'later',
        tag: 'of_a_later_version',
        sizeBytes: 65536,
        keyText: '',
        statePath: undefined,
        fd: zoneMemory('later'),
      },
    ]
    const environment = { SLUICE: '', SLUICE_ZONES: JSON.stringify(zones) }
    expect(takeInheritance(environment, log)!.zones).toEqual([])
    expect(lines.slice(1).map((line) => /inherited zone "\w+" cannot be used/.exec(line)?.[0])).toEqual([
      'inherited zone "empty" cannot be used',
      'inherited zone "later" cannot be used',
    ])
    expect(() => addon.close(fd)).toThrow('close() failed')
  })

  test('does without zones when they cannot be read', () => {
    expect(takeInheritance({ SLUICE: '', SLUICE_ZONES: '{' }, log)!.zones).toEqual([])
    expect(lines[1]).toContain('invalid SLUICE_ZONES environment variable, ignoring')
  })
})
