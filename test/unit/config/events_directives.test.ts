import { describe, expect, it } from 'vitest'
import { type CoreConf, core } from '../../../src/config/core_directives.ts'
import type { EventsConf } from '../../../src/config/events_directives.ts'
import { errorOfText, parseText, type TextOptions } from './support.ts'

const hosts = { known: ['10.0.0.1', '::1'], unknown: undefined }
const parse = (body: string, options?: TextOptions) => parseText(`events { ${body} }`, { hosts, ...options })
const conf = (body: string) => (parse(body).root.own[core.id] as Partial<CoreConf>).events
const failure = (body: string) => errorOfText(`events { ${body} }`, { hosts }).replace(' in /conf/main.conf:1', '')

const DEFAULTS: EventsConf = {
  workerConnections: 512,
  use: 'epoll',
  multiAccept: false,
  acceptMutex: false,
  acceptMutexDelayMs: 500,
  debugConnections: [],
}

describe('the events block', () => {
  it('has defaults and is frozen', () => {
    expect(conf('')).toEqual(DEFAULTS)
    expect(Object.isFrozen(conf(''))).toBe(true)
  })

  it('has values', () => {
    expect(
      conf('worker_connections 64; use epoll; multi_accept on; accept_mutex on; accept_mutex_delay 100ms;'),
    ).toEqual({
      ...DEFAULTS,
      workerConnections: 64,
      multiAccept: true,
      acceptMutex: true,
      acceptMutexDelayMs: 100,
    })
  })

  it('resolves the hosts of debug connections', () => {
    const body = 'debug_connection 10.0.0.0/8; debug_connection ::1; debug_connection unix:; debug_connection known;'
    expect(conf(body)?.debugConnections).toEqual(['10.0.0.0/8', '::1', 'unix:', '10.0.0.1', '::1'])
  })

  it('warns of bits outside the mask', () => {
    expect(parse('debug_connection 10.0.0.1/8;').warnings).toEqual([
      'low address bits of 10.0.0.1/8 are meaningless in /conf/main.conf:1',
    ])
  })

  it.each([
    ['worker_connections x;', 'invalid number "x"'],
    ['worker_connections 1; worker_connections 1;', '"worker_connections" directive is duplicate'],
    ['use kqueue;', 'invalid event type "kqueue"'],
    ['use epoll; use epoll;', '"use" directive is duplicate'],
    ['debug_connection unknown;', 'host not found in debug_connection "unknown"'],
    ['accept_mutex_delay x;', '"accept_mutex_delay" directive invalid value'],
    ['events { }', '"events" directive is not allowed here'],
  ])('%s', (body, error) => {
    expect(failure(body)).toBe(error)
  })

  it('keeps its directives to itself', () => {
    expect(errorOfText('worker_connections 1;')).toContain('"worker_connections" directive is not allowed here')
  })
})
