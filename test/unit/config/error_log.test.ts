import { describe, expect, it } from 'vitest'
import { type ErrorLogSetting, errorLogDirective } from '../../../src/config/error_log.ts'
import type { ConfigOwner } from '../../../src/config/types.ts'
import { DEBUG, ERROR, INFO, NOTICE } from '../../../src/log/levels.ts'
import type { SyslogTarget } from '../../../src/log/syslog.ts'
import { errorOfText, FACTS, parseText } from './support.ts'

interface Conf {
  errorLog: readonly ErrorLogSetting[]
}

const owner: ConfigOwner = { id: 4, name: 'owner', directives: { error_log: errorLogDirective<Conf>(['main']) } }
const owners = [owner]
const parse = (text: string) => parseText(`error_log ${text};`, { owners })
const settings = (text: string) => (parse(text).root.own[4] as Conf).errorLog
const hosts = { 'no.such.host': undefined }
const failure = (text: string) =>
  errorOfText(`error_log ${text};`, { owners, hosts }).replace(' in /conf/main.conf:1', '')

describe('the target', () => {
  it('is a file below the prefix, registered to be opened', () => {
    const { root, resources } = parse('logs/a.log')
    const file = resources.files.get('/prefix/logs/a.log')
    expect(file).toBeDefined()
    expect((root.own[4] as Conf).errorLog).toEqual([{ target: { kind: 'file', file }, level: ERROR }])
  })

  it('is standard error by its name, or without one', () => {
    for (const text of ['stderr', '""']) {
      expect(settings(text)).toEqual([{ target: { kind: 'stderr' }, level: ERROR }])
      expect(parse(text).resources.files.size).toBe(0)
    }
  })

  it('cannot be memory', () => {
    expect(failure('memory:32k')).toBe('nginx was built without debug support')
  })

  it('may be given several times', () => {
    expect(settings('a; error_log stderr info; error_log a debug')).toMatchObject([
      { target: { kind: 'file' }, level: ERROR },
      { target: { kind: 'stderr' }, level: INFO },
      { target: { kind: 'file' }, level: DEBUG },
    ])
  })
})

describe('the level', () => {
  it.each([
    ['notice', NOTICE],
    ['debug', DEBUG],
    ['debug_http', DEBUG],
    ['debug_http debug_core', DEBUG],
  ])('%s is %d', (text, level) => {
    expect(settings(`stderr ${text}`)[0]?.level).toBe(level)
  })

  it.each([
    ['loud', 'invalid log level "loud"'],
    ['ERROR', 'invalid log level "ERROR"'],
    ['""', 'invalid log level ""'],
    ['info info', 'duplicate log level "info"'],
    ['info warn', 'duplicate log level "warn"'],
    ['debug debug_http', 'invalid log level "debug_http"'],
    ['debug_http debug', 'duplicate log level "debug"'],
    ['debug_http info', 'duplicate log level "info"'],
  ])('%s: %s', (text, error) => {
    expect(failure(`stderr ${text}`)).toBe(error)
  })
})

describe('a syslog target', () => {
  function target(text: string): SyslogTarget | undefined {
    const [setting] = settings(text)
    return setting?.target.kind === 'syslog' ? setting.target.syslog.target : undefined
  }

  it('has local7, info, the name of the program and the machine, and port 514', () => {
    expect(settings('syslog:server=10.0.0.1')[0]?.level).toBe(ERROR)
    expect(target('syslog:server=10.0.0.1')).toEqual({
      server: '10.0.0.1',
      address: { family: 'inet', address: '10.0.0.1', port: 514 },
      facility: 23,
      severity: 6,
      tag: 'sluice',
      hostname: FACTS.hostname,
    })
  })

  it('takes all of it from its parameters, and a level', () => {
    const text = 'syslog:server=unix:/dev/log,facility=kern,severity=debug,nohostname,tag=a_1 info'
    expect(settings(text)[0]?.level).toBe(INFO)
    expect(target(text)).toEqual({
      server: 'unix:/dev/log',
      address: { family: 'unix', address: '/dev/log', port: 0 },
      facility: 0,
      severity: 7,
      tag: 'a_1',
      hostname: undefined,
    })
  })

  it('may have a port, also behind an IPv6 address in brackets', () => {
    expect(target('syslog:server=127.0.0.1:5514')?.address).toEqual({
      family: 'inet',
      address: '127.0.0.1',
      port: 5514,
    })
    expect(target('syslog:server=[::1]:5514')?.address).toEqual({ family: 'inet6', address: '::1', port: 5514 })
    expect(target('syslog:server=[::1]')?.address).toEqual({ family: 'inet6', address: '::1', port: 514 })
  })

  it.each([
    ['', 'unknown syslog parameter ""'],
    ['foo=1', 'unknown syslog parameter "foo=1"'],
    ['server=1.1.1.1,', 'unknown syslog parameter ""'],
    ['tag=a', 'no syslog server specified'],
    ['server=', 'no host in syslog server ""'],
    ['server=127.0.0.1:', 'invalid port in syslog server "127.0.0.1:"'],
    ['server=127.0.0.1:70000', 'invalid port in syslog server "127.0.0.1:70000"'],
    ['server=[1]', 'invalid IPv6 address in syslog server "[1]"'],
    ['server=no.such.host', 'host not found in syslog server "no.such.host"'],
    ['server=unix:', 'no path in the unix domain socket in syslog server "unix:"'],
    ['server=1.1.1.1,server=1.1.1.2', 'duplicate syslog "server"'],
    ['server=1.1.1.1,facility=x', 'unknown syslog facility "x"'],
    ['server=1.1.1.1,facility=user,facility=x', 'duplicate syslog "facility"'],
    ['server=1.1.1.1,severity=x', 'unknown syslog severity "x"'],
    ['server=1.1.1.1,severity=info,severity=info', 'duplicate syslog "severity"'],
    ['server=1.1.1.1,tag=a-b', 'syslog "tag" only allows alphanumeric characters and underscore'],
    [`server=1.1.1.1,tag=${'a'.repeat(33)}`, 'syslog tag length exceeds 32'],
    ['server=1.1.1.1,tag=a,tag=b', 'duplicate syslog "tag"'],
  ])('%s: %s', (text, error) => {
    expect(failure(`syslog:${text}`)).toBe(error)
  })
})
