// Directives with nginx's names and forms, but without meaning: enough of an http block to try the configuration
// language on whole files, and to give the same file to nginx. The http layer's own tests are elsewhere.

import { core } from '../../src/config/core_directives.ts'
import { type ErrorLogSetting, errorLogDirective } from '../../src/config/error_log.ts'
import { events } from '../../src/config/events_directives.ts'
import { mergeLevel, newLevel, ownOf } from '../../src/config/level.ts'
import { type Buffers, slotsFor } from '../../src/config/slots.ts'
import type { ConfigCursor, ConfigOwner, Context, Directive, Level } from '../../src/config/types.ts'
import { parseSize } from '../../src/config/units.ts'

export interface SampleConf {
  sendfile: boolean
  keepaliveRequests: number
  maxBodyBytes: number
  headerBufferBytes: number
  sendTimeoutMs: number
  sessionTimeoutSec: number
  outputBuffers: Buffers
  storeAccess: number
  status: number
  logLevel: 'info' | 'notice' | 'warn' | 'error'
  nextUpstream: number
  defaultType: string
  errorLog: readonly ErrorLogSetting[]
  types: Readonly<Record<string, string>>
}

const defaults: SampleConf = {
  sendfile: false,
  keepaliveRequests: 1000,
  maxBodyBytes: 1 << 20,
  headerBufferBytes: 1024,
  sendTimeoutMs: 60_000,
  sessionTimeoutSec: 300,
  outputBuffers: { count: 2, sizeBytes: 32768 },
  storeAccess: 0o600,
  status: 503,
  logLevel: 'error',
  nextUpstream: 0,
  defaultType: 'text/plain',
  errorLog: [],
  types: {},
}

/** A block as the tests compare it: its arguments, its merged configuration, its inner blocks. */
export interface SampleBlock {
  readonly name: string
  readonly conf: Readonly<SampleConf>
  readonly blocks: readonly SampleBlock[]
}

const MAIN_CONF: readonly Context[] = ['http', 'server', 'location']
const SERVER_CONF: readonly Context[] = ['http', 'server']
const NEXT_UPSTREAM = { error: 1, timeout: 2, http_500: 4, off: 8 }
const slot = slotsFor<SampleConf>()

/** The blocks of each level, in the order in which they end. */
const blocksOf = new WeakMap<Level, SampleBlock[]>()

const directives: Readonly<Record<string, Directive<SampleConf>>> = {
  http: { in: ['main'], args: 0, block: true, set: (cf) => readBlock(cf, 'http') },
  server: { in: ['http'], args: 0, block: true, set: (cf) => readBlock(cf, 'server') },
  location: { in: ['server', 'location'], args: [1, 2], block: true, set: (cf) => readBlock(cf, 'location') },
  sendfile: slot.flag(MAIN_CONF, 'sendfile'),
  keepalive_requests: slot.integer(MAIN_CONF, 'keepaliveRequests'),
  client_max_body_size: slot.offset(MAIN_CONF, 'maxBodyBytes'),
  client_header_buffer_size: slot.size(SERVER_CONF, 'headerBufferBytes'),
  send_timeout: slot.timeMs(MAIN_CONF, 'sendTimeoutMs'),
  ssl_session_timeout: slot.timeSec(SERVER_CONF, 'sessionTimeoutSec'),
  output_buffers: slot.bufs(MAIN_CONF, 'outputBuffers'),
  proxy_store_access: slot.accessMode(MAIN_CONF, 'storeAccess'),
  limit_req_status: slot.integer(MAIN_CONF, 'status', { min: 400, max: 599 }),
  limit_req_log_level: slot.oneOf(MAIN_CONF, 'logLevel', ['info', 'notice', 'warn', 'error']),
  proxy_next_upstream: slot.bitmask(MAIN_CONF, 'nextUpstream', NEXT_UPSTREAM),
  default_type: slot.string(MAIN_CONF, 'defaultType'),
  error_log: errorLogDirective(MAIN_CONF),
  types: { in: MAIN_CONF, args: 0, block: true, set: readTypes },
  limit_conn_zone: { in: ['http'], args: 2, set: declareZone },
  limit_req_zone: { in: ['http'], args: 3, set: declareZone },
  limit_req: { in: MAIN_CONF, args: 1, set: (cf) => void zoneOf(cf, 'limit_req', cf.args[1]) },
}

export const sample: ConfigOwner = { id: 2, name: 'sample', directives }
export const SAMPLE_OWNERS: readonly ConfigOwner[] = [core, events, sample]

export function sampleBlocks(root: Level): readonly SampleBlock[] {
  return blocksOf.get(root) ?? []
}

function readBlock(cf: ConfigCursor, context: Context): void {
  const level = newLevel(context, cf.level)
  cf.block(level)
  const name = cf.args.join(' ')
  const block = { name, conf: mergedConf(level), blocks: blocksOf.get(level) ?? [] }
  blocksOf.set(cf.level, [...(blocksOf.get(cf.level) ?? []), block])
}

/** The parent has been read up to here: good enough for a sample, the real http block merges at its end. */
function mergedConf(level: Level | undefined): Readonly<SampleConf> {
  return level === undefined ? defaults : mergeLevel(mergedConf(level.parent), ownOf<SampleConf>(level, sample))
}

function readTypes(cf: ConfigCursor, own: Partial<SampleConf>): void {
  const types: Record<string, string> = {}
  cf.words((line) => {
    const [type = '', ...extensions] = line.args
    if (type === 'include') line.fail('invalid number of arguments in "include" directive')
    for (const extension of extensions) types[extension] = type
  })
  own.types = { ...own.types, ...types }
}

function declareZone(cf: ConfigCursor): void {
  zoneOf(cf, cf.args[0] === 'limit_req_zone' ? 'limit_req' : 'limit_conn', cf.args[2])
}

/** `zone=NAME[:SIZE]` */
function zoneOf(cf: ConfigCursor, tag: string, text = ''): void {
  const [, name = '', size = '0'] = /^zone=([^:]+)(?::(.+))?$/.exec(text) ?? cf.fail(`invalid parameter "${text}"`)
  cf.resources.zone(cf, name, parseSize(size) ?? cf.fail(`invalid zone size "${text}"`), tag)
}
