import { describe, expect, it } from 'vitest'
import { core } from '../../../src/config/core_directives.ts'
import { finishCore } from '../../../src/config/core_settings.ts'
import type { ListenRequest } from '../../../src/config/types.ts'
import { errorOf, parseText, type TextOptions } from './support.ts'

const finish = (text: string, options?: TextOptions) => finishCore(parseText(text, options))

describe('the main context', () => {
  it('has defaults, names completed by the prefix', () => {
    const settings = finish('events { }')
    expect(settings.core).toEqual({
      ...core.defaults,
      pid: '/prefix/logs/sluice.pid',
      lockFile: '/prefix/logs/sluice.lock',
      user: { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] },
      events: settings.events,
    })
    expect(Object.isFrozen(settings.core)).toBe(true)
    expect(settings.events.workerConnections).toBe(512)
    expect(settings.warnings).toEqual([])
  })

  it('keeps what is set', () => {
    const { core: conf } = finish('pid /p; lock_file l; user www; events { }')
    expect(conf).toMatchObject({ pid: '/p', lockFile: '/prefix/l', user: { name: 'www' } })
  })

  it('has no user unless the master is root', () => {
    expect(finish('events { }', { facts: { euid: 5 }, files: { '/etc/passwd': '' } }).core.user).toBeUndefined()
  })

  it('as root needs the default user to exist', () => {
    expect(errorOf(() => finish('events { }', { files: { '/etc/passwd': '' } }))).toBe('getpwnam("nobody") failed')
    expect(errorOf(() => finish('events { }', { files: { '/etc/group': '' } }))).toBe('getgrnam("nogroup") failed')
    expect(finish('events { }', { files: { '/etc/group': 'nobody:x:99:\n' } }).core.user?.gid).toBe(99)
  })

  it('needs an events block', () => {
    expect(errorOf(() => finish(''))).toBe('no "events" section in configuration')
  })

  it('needs more connections than listening sockets', () => {
    const parsed = parseText('events { worker_connections 1; }')
    parsed.resources.listens.push({} as ListenRequest)
    expect(errorOf(() => finishCore(parsed))).toBe('1 worker_connections are not enough for 1 listening sockets')
    expect(errorOf(() => finish('events { worker_connections 0; }'))).toBe(
      '0 worker_connections are not enough for 0 listening sockets',
    )
    finish('events { worker_connections 1; }')
  })

  it.each([
    ['worker_cpu_affinity 1 1 1; worker_processes 2;', 1],
    ['worker_cpu_affinity 1 1; worker_processes 2;', 0],
    ['worker_cpu_affinity 1; worker_processes 2;', 0],
    ['worker_cpu_affinity auto 11; worker_processes 3;', 0],
  ])('%s gives %d warnings', (text, count) => {
    const { warnings } = finish(`${text} events { }`)
    expect(warnings).toHaveLength(count)
    for (const warning of warnings)
      expect(warning).toContain('is not equal to the number of "worker_cpu_affinity" masks')
  })
})
