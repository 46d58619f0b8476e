// Variables of requests, connections and responses that need no module (spec http-core.md §11). Upstream, limit and log
// variables belong to their modules.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { parseSize } from '../config/units.ts'
import { eventMs } from '../log/clock.ts'
import { timeIso8601, timeLocal } from '../log/times.ts'
import * as names from '../net/header_names.ts'
import { hashName } from '../net/header_names.ts'
import type { VariableDefinition, VariableGetter } from './module.ts'
import { documentRoot, requestPath } from './path.ts'
import type { HttpRequest } from './request.ts'
import { sentHeader } from './sent_headers.ts'

const machine = hostname().toLowerCase()

/** Seconds with milliseconds, as nginx prints times. */
export function seconds(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  return `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, '0')}`
}

const args: VariableDefinition = {
  get: (r) => r.args,
  set: (r, value) => {
    r.args = value
    r.validUnparsedUri = false
  },
}

export const coreVariables: Readonly<Record<string, VariableGetter | VariableDefinition>> = {
  args,
  query_string: (r) => r.args,
  is_args: (r) => (r.args === '' ? '' : '?'),
  uri: (r) => r.uri,
  document_uri: (r) => r.uri,
  request: (r) => r.main.requestLine || undefined,
  request_uri: (r) => r.main.unparsedUri || undefined,
  request_method: (r) => r.main.method || undefined,
  request_filename: (r) => requestPath(r),
  request_length: (r) => String(r.stream.bytesReceived),
  request_time: (r) => seconds(eventMs() - r.main.startMs),
  request_id: (r) => {
    r.main.requestId ??= randomBytes(16).toString('hex')
    return r.main.requestId
  },
  request_body: (r) => r.main.requestBody?.latin1Slice(),
  request_body_file: (r) => r.main.requestBodyFile,
  request_completion: (r) => (r.complete ? 'OK' : ''),
  request_port: (r) => r.hostPort,
  is_request_port: (r) => (r.hostPort === '' ? '' : ':'),
  scheme: (r) => (r.connection.ssl ? 'https' : 'http'),
  https: (r) => (r.connection.ssl ? 'on' : ''),
  host: (r) => r.host || r.server.name,
  hostname: () => machine,
  server_name: (r) => r.server.name,
  server_addr: (r) => r.connection.localAddr,
  server_port: (r) => String(r.connection.localPort),
  server_protocol: (r) => r.protocol || undefined,
  document_root: (r) => documentRoot(r),
  remote_addr: (r) => r.remoteAddr,
  remote_port: (r) => String(r.connection.remotePort),
  remote_user: (r) => basicUser(r),
  binary_remote_addr: (r) => r.binaryRemoteAddr,
  content_length: (r) => (r.contentLengthIn < 0 ? undefined : String(r.contentLengthIn)),
  content_type: (r) => r.fields.known(names.CONTENT_TYPE),
  connection: (r) => String(r.connection.number),
  connection_requests: (r) => String(r.connection.requests),
  connection_time: (r) => seconds(eventMs() - r.connection.startMs),
  pipe: (r) => (r.connection.pipelined ? 'p' : '.'),
  pid: () => String(process.pid),
  msec: () => seconds(eventMs()),
  time_local: () => timeLocal(),
  time_iso8601: () => timeIso8601(),
  status: (r) => statusText(r.main),
  bytes_sent: (r) => String(r.stream.bytesSent),
  body_bytes_sent: (r) => String(Math.max(0, r.stream.bytesSent - r.stream.headerSize)),
  nginx_version: () => '1.31.5',
  limit_rate: {
    get: (r) => String(Math.max(0, r.limitRate)),
    set: (r, value) => {
      const rate = parseSize(value)
      if (rate === undefined) r.logError(`invalid $limit_rate "${value}"`)
      else r.limitRate = rate
    },
  },
}

export const coreFamilies: Readonly<Record<string, (suffix: string) => VariableGetter>> = {
  http_: (suffix) => {
    const name = suffix.replaceAll('_', '-')
    const hash = hashName(name)
    const separator = name === 'cookie' ? '; ' : ', '
    const id = names.headerId(name)
    // Most known fields occur once: a look at the scanner's table says where, or that there is none.
    if (id !== names.UNKNOWN) {
      return (r) => (r.fields.first(id) < 0 ? undefined : r.fields.joined(name, hash, separator))
    }
    return (r) => r.fields.joined(name, hash, separator)
  },
  sent_http_: (suffix) => {
    const name = suffix.replaceAll('_', '-')
    return (r) => sentHeader(r, name)
  },
  arg_: (suffix) => {
    const name = suffix.toLowerCase()
    return (r) => argument(r.args, name)
  },
  cookie_: (suffix) => {
    const name = suffix.toLowerCase()
    return (r) => cookie(r, name)
  },
}

/** First `name=` of the arguments, any case; undefined when absent. */
function argument(all: string, lowerName: string): string | undefined {
  let from = 0
  while (from < all.length) {
    let end = all.indexOf('&', from)
    if (end < 0) end = all.length
    if (
      all.charCodeAt(from + lowerName.length) === 0x3d &&
      from + lowerName.length < end &&
      all.slice(from, from + lowerName.length).toLowerCase() === lowerName
    ) {
      return all.slice(from + lowerName.length + 1, end)
    }
    from = end + 1
  }
  return undefined
}

const COOKIE_HASH = hashName('cookie')

function cookie(r: HttpRequest, lowerName: string): string | undefined {
  const all = r.fields.joined('cookie', COOKIE_HASH, '; ')
  if (all === undefined) return undefined
  for (const part of all.split(/[;,]/)) {
    const equals = part.indexOf('=')
    if (equals >= 0 && part.slice(0, equals).trim().toLowerCase() === lowerName) return part.slice(equals + 1).trim()
  }
  return undefined
}

function basicUser(r: HttpRequest): string | undefined {
  const header = r.fields.known(names.AUTHORIZATION)
  if (header === undefined || !/^basic /i.test(header)) return undefined
  const text = Buffer.from(header.slice(6).trim(), 'base64').latin1Slice()
  const colon = text.indexOf(':')
  return colon <= 0 ? undefined : text.slice(0, colon)
}

function statusText(r: HttpRequest): string {
  const status = r.errStatus === 0 ? r.status : r.errStatus
  if (status === 0) return r.httpVersion === 9 ? '009' : '000'
  return String(status).padStart(3, '0')
}
