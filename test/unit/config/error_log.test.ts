import { describe, expect, it } from 'vitest'
import { type ErrorLogSetting, errorLogDirective } from '../../../src/config/error_log.ts'
import type { ConfigOwner } from '../../../src/config/types.ts'
import { DEBUG, ERROR, INFO, NOTICE } from '../../../src/log/levels.ts'
import { errorOfText, parseText } from './support.ts'

interface Conf {
  errorLog: readonly ErrorLogSetting[]
}

const owner: ConfigOwner = { id: 4, name: 'owner', directives: { error_log: errorLogDirective<Conf>(['main']) } }
const owners = [owner]
const parse = (text: string) => parseText(`error_log ${text};`, { owners })
const settings = (text: string) => (parse(text).root.own[4] as Conf).errorLog
const failure = (text: string) => errorOfText(`error_log ${text};`, { owners }).replace(' in /conf/main.conf:1', '')

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
  it('has defaults', () => {
    const syslog = { server: '10.0.0.1', facility: 23, severity: 6, tag: 'sluice', hostname: true }
    expect(settings('syslog:server=10.0.0.1')).toEqual([{ target: { kind: 'syslog', syslog }, level: ERROR }])
  })

  it('has parameters', () => {
    const syslog = { server: 'unix:/dev/log', facility: 0, severity: 7, tag: 'a_1', hostname: false }
    const text = 'syslog:server=unix:/dev/log,facility=kern,severity=debug,nohostname,tag=a_1 info'
    expect(settings(text)).toEqual([{ target: { kind: 'syslog', syslog }, level: INFO }])
  })

  it.each([
    ['', 'unknown syslog parameter ""'],
    ['foo=1', 'unknown syslog parameter "foo=1"'],
    ['server=a,', 'unknown syslog parameter ""'],
    ['tag=a', 'no syslog server specified'],
    ['server=', 'no host in syslog server ""'],
    ['server=unix:', 'no path in the unix domain socket in syslog server "unix:"'],
    ['server=a,server=b', 'duplicate syslog "server"'],
    ['server=a,facility=x', 'unknown syslog facility "x"'],
    ['server=a,facility=user,facility=x', 'duplicate syslog "facility"'],
    ['server=a,severity=x', 'unknown syslog severity "x"'],
    ['server=a,severity=info,severity=info', 'duplicate syslog "severity"'],
    ['server=a,tag=a-b', 'syslog "tag" only allows alphanumeric characters and underscore'],
    [`server=a,tag=${'a'.repeat(33)}`, 'syslog tag length exceeds 32'],
    ['server=a,tag=a,tag=b', 'duplicate syslog "tag"'],
  ])('%s: %s', (text, error) => {
    expect(failure(`syslog:${text}`)).toBe(error)
  })
})
