import { describe, expect, it } from 'vitest'
import type { CoreConf } from '../../../src/config/core_directives.ts'
import { core, FIRST_FREE_OWNER_ID } from '../../../src/config/core_directives.ts'
import { events } from '../../../src/config/events_directives.ts'
import { errorOfText, parseText, type TextOptions } from './support.ts'

const own = (text: string, options?: TextOptions) => parseText(text, options).root.own[core.id] as Partial<CoreConf>
const failure = (text: string, options?: TextOptions) => errorOfText(text, options).replace(' in /conf/main.conf:1', '')

it('unset directives leave no trace', () => {
  expect(own('')).toBeUndefined()
})

it('ids of the core are its own', () => {
  expect([core.id, events.id].every((id) => id < FIRST_FREE_OWNER_ID)).toBe(true)
})

describe('values', () => {
  it.each<[string, Partial<CoreConf>]>([
    ['daemon off;', { daemon: false }],
    ['master_process off;', { masterProcess: false }],
    ['worker_processes 3;', { workerProcesses: 3 }],
    ['worker_processes 0;', { workerProcesses: 0 }],
    ['worker_processes auto;', { workerProcesses: 4 }],
    ['pid run/x.pid;', { pid: '/prefix/run/x.pid' }],
    ['lock_file /run/x;', { lockFile: '/run/x' }],
    ['working_directory /tmp;', { workingDirectory: '/tmp' }],
    ['worker_priority -5;', { workerPriority: -5 }],
    ['worker_priority +5;', { workerPriority: 5 }],
    ['worker_rlimit_nofile 1024;', { workerRlimitNofile: 1024 }],
    ['worker_rlimit_core 1g;', { workerRlimitCoreBytes: 2 ** 30 }],
    ['worker_shutdown_timeout 10s;', { workerShutdownTimeoutMs: 10_000 }],
    ['timer_resolution 100ms;', { timerResolutionMs: 100 }],
    ['debug_points ABORT;', { debugPoints: 'abort' }],
    ['pcre_jit on;', { pcreJit: true }],
    ['worker_cpu_affinity 01 10;', { workerCpuAffinity: { auto: false, masks: [[0], [1]] } }],
    [
      'env A; env B=c=d; env E=;',
      {
        env: [
          { name: 'A', value: undefined },
          { name: 'B', value: 'c=d' },
          { name: 'E', value: '' },
        ],
      },
    ],
  ])('%s', (text, expected) => {
    expect(own(text)).toEqual(expected)
  })
})

describe('the user', () => {
  it('is found with its group and its other groups', () => {
    expect(own('user www;')).toEqual({ user: { name: 'www', uid: 33, gid: 33, groups: [33, 4] } })
    expect(own('user www logs;')).toEqual({ user: { name: 'www', uid: 33, gid: 4, groups: [4] } })
  })

  it('must exist, as must its group', () => {
    expect(failure('user none;')).toBe('getpwnam("none") failed')
    expect(failure('user nobody;')).toBe('getgrnam("nobody") failed')
    expect(failure('user www none;')).toBe('getgrnam("none") failed')
  })

  it('means nothing when the master is not root, and is not looked up then', () => {
    const options = { facts: { euid: 1000 } }
    expect(own('user none; user none;', options)).toEqual({})
    expect(parseText('user none;', options).warnings).toEqual([
      'the "user" directive makes sense only if the master process runs with super-user privileges, ignored in /conf/main.conf:1',
    ])
  })
})

describe('errors', () => {
  it.each([
    ['worker_processes -1;', '"worker_processes" directive invalid value'],
    ['worker_processes all;', '"worker_processes" directive invalid value'],
    ['worker_processes 1; worker_processes auto;', '"worker_processes" directive is duplicate'],
    ['user www; user www;', '"user" directive is duplicate'],
    ['worker_priority --5;', '"worker_priority" directive invalid number'],
    ['worker_priority "";', '"worker_priority" directive invalid number'],
    ['worker_priority 5; worker_priority 5;', '"worker_priority" directive is duplicate'],
    ['worker_cpu_affinity 1; worker_cpu_affinity 1;', '"worker_cpu_affinity" directive is duplicate'],
    ['debug_points go;', 'invalid value "go"'],
    ['events { } events { }', '"events" directive is duplicate'],
    ['events on { }', 'invalid number of arguments in "events" directive'],
    ['events;', 'directive "events" has no opening "{"'],
    ['events { daemon on; }', '"daemon" directive is not allowed here'],
    ['load_module x.so;', 'module "x.so" cannot be loaded, sluice has no dynamic modules'],
    ['error_log stderr loud;', 'invalid log level "loud"'],
  ])('%s', (text, error) => {
    expect(failure(text)).toBe(error)
  })

  it('a priority of 0 counts as unset, as in nginx', () => {
    expect(own('worker_priority 0; worker_priority 5;')).toEqual({ workerPriority: 5 })
  })
})
