// The core HTTP module: the blocks http, server and location, and the directives that are not a module's of their own
// (spec http-core.md §1). Their meaning is elsewhere: connection and body limits in http1/, root and types in path.ts and
// content_type.ts, error_page in special_response.ts.

import { errorLogDirective } from '../config/error_log.ts'
import { slotsFor } from '../config/slots.ts'
import type { ConfigCursor, Directive } from '../config/types.ts'
import { parseTimeMs } from '../config/units.ts'
import { blockDirectives } from './blocks.ts'
import { CORE_DEFAULTS, type CoreConf, type ErrorPage, KEEPALIVE_DISABLE } from './core_conf.ts'
import { coreFamilies, coreVariables } from './core_variables.ts'
import { maybeLocationLevel } from './levels.ts'
import { defineModule, HTTP, HTTP_SERVER, HTTP_SERVER_LOCATION, HTTP_SERVER_LOCATION_IF } from './module.ts'
import { sizeValueDirective } from './size_value.ts'
import { compileValue } from './value.ts'

const slot = slotsFor<CoreConf>()

/** Directives whose effect is fixed here: read and checked, so that nginx configurations start, and documented as such. */
function accepted(where: Directive<CoreConf>['in'], args: Directive<CoreConf>['args']): Directive<CoreConf> {
  return { in: where, args, set: () => undefined }
}

export const core = defineModule<CoreConf>({
  name: 'http_core',
  defaults: CORE_DEFAULTS,
  directives: {
    ...blockDirectives,
    client_header_timeout: slot.timeMs(HTTP_SERVER, 'clientHeaderTimeout'),
    client_header_buffer_size: slot.size(HTTP_SERVER, 'clientHeaderBufferSize'),
    large_client_header_buffers: slot.bufs(HTTP_SERVER, 'largeClientHeaderBuffers'),
    max_headers: slot.integer(HTTP_SERVER, 'maxHeaders'),
    ignore_invalid_headers: slot.flag(HTTP_SERVER, 'ignoreInvalidHeaders'),
    underscores_in_headers: slot.flag(HTTP_SERVER, 'underscoresInHeaders'),
    merge_slashes: slot.flag(HTTP_SERVER, 'mergeSlashes'),
    client_max_body_size: slot.offset(HTTP_SERVER_LOCATION, 'clientMaxBodySize'),
    client_body_buffer_size: slot.size(HTTP_SERVER_LOCATION, 'clientBodyBufferSize'),
    client_body_timeout: slot.timeMs(HTTP_SERVER_LOCATION, 'clientBodyTimeout'),
    client_body_temp_path: { in: HTTP_SERVER_LOCATION, args: [1, 4], set: setTempPath },
    client_body_in_file_only: slot.oneOf(HTTP_SERVER_LOCATION, 'clientBodyInFileOnly', ['off', 'on', 'clean']),
    send_timeout: slot.timeMs(HTTP_SERVER_LOCATION, 'sendTimeout'),
    keepalive_timeout: { in: HTTP_SERVER_LOCATION, args: [1, 2], set: setKeepaliveTimeout },
    keepalive_min_timeout: slot.timeMs(HTTP_SERVER_LOCATION, 'keepaliveMinTimeout'),
    keepalive_requests: slot.integer(HTTP_SERVER_LOCATION, 'keepaliveRequests'),
    keepalive_disable: slot.bitmask(HTTP_SERVER_LOCATION, 'keepaliveDisable', KEEPALIVE_DISABLE),
    keepalive_time: slot.timeMs(HTTP_SERVER_LOCATION, 'keepaliveTime'),
    limit_rate: sizeValueDirective<CoreConf>(HTTP_SERVER_LOCATION_IF, 'limitRate'),
    limit_rate_after: sizeValueDirective<CoreConf>(HTTP_SERVER_LOCATION_IF, 'limitRateAfter'),
    lingering_close: slot.oneOf(HTTP_SERVER_LOCATION, 'lingeringClose', ['off', 'on', 'always']),
    lingering_time: slot.timeMs(HTTP_SERVER_LOCATION, 'lingeringTime'),
    lingering_timeout: slot.timeMs(HTTP_SERVER_LOCATION, 'lingeringTimeout'),
    reset_timedout_connection: slot.flag(HTTP_SERVER_LOCATION, 'resetTimedoutConnection'),
    tcp_nodelay: slot.flag(HTTP_SERVER_LOCATION, 'tcpNodelay'),
    chunked_transfer_encoding: slot.flag(HTTP_SERVER_LOCATION, 'chunkedTransferEncoding'),
    root: { in: HTTP_SERVER_LOCATION_IF, args: 1, set: setRoot },
    alias: { in: ['location'], args: 1, set: setRoot },
    default_type: slot.string(HTTP_SERVER_LOCATION, 'defaultType'),
    types: { in: HTTP_SERVER_LOCATION, args: 0, block: true, set: setTypes },
    error_page: { in: HTTP_SERVER_LOCATION_IF, args: [2, Number.POSITIVE_INFINITY], set: addErrorPage },
    recursive_error_pages: slot.flag(HTTP_SERVER_LOCATION, 'recursiveErrorPages'),
    internal: { in: ['location'], args: 0, set: setInternal },
    satisfy: slot.oneOf(HTTP_SERVER_LOCATION, 'satisfy', ['all', 'any']),
    etag: slot.flag(HTTP_SERVER_LOCATION, 'etag'),
    if_modified_since: slot.oneOf(HTTP_SERVER_LOCATION, 'ifModifiedSince', ['off', 'exact', 'before']),
    max_ranges: slot.integer(HTTP_SERVER_LOCATION, 'maxRanges'),
    server_tokens: slot.oneOf(HTTP_SERVER_LOCATION, 'serverTokens', ['on', 'off', 'build']),
    absolute_redirect: slot.flag(HTTP_SERVER_LOCATION, 'absoluteRedirect'),
    port_in_redirect: slot.flag(HTTP_SERVER_LOCATION, 'portInRedirect'),
    server_name_in_redirect: slot.flag(HTTP_SERVER_LOCATION, 'serverNameInRedirect'),
    msie_padding: slot.flag(HTTP_SERVER_LOCATION, 'msiePadding'),
    log_not_found: slot.flag(HTTP_SERVER_LOCATION, 'logNotFound'),
    error_log: errorLogDirective<CoreConf>(HTTP_SERVER_LOCATION),
    // Sizes of nginx's own pools and hashes, and system calls that a Node process does not make: nothing to set here.
    connection_pool_size: accepted(HTTP_SERVER, 1),
    request_pool_size: accepted(HTTP_SERVER, 1),
    server_names_hash_max_size: accepted(HTTP, 1),
    server_names_hash_bucket_size: accepted(HTTP, 1),
    variables_hash_max_size: accepted(HTTP, 1),
    variables_hash_bucket_size: accepted(HTTP, 1),
    types_hash_max_size: accepted(HTTP_SERVER_LOCATION, 1),
    types_hash_bucket_size: accepted(HTTP_SERVER_LOCATION, 1),
    sendfile: accepted(HTTP_SERVER_LOCATION_IF, 'flag'),
    sendfile_max_chunk: accepted(HTTP_SERVER_LOCATION, 1),
    tcp_nopush: accepted(HTTP_SERVER_LOCATION, 'flag'),
    postpone_output: accepted(HTTP_SERVER_LOCATION, 1),
    output_buffers: accepted(HTTP_SERVER_LOCATION, 2),
    client_body_in_single_buffer: accepted(HTTP_SERVER_LOCATION, 'flag'),
    msie_refresh: accepted(HTTP_SERVER_LOCATION, 'flag'),
  },
  variables: coreVariables,
  variableFamilies: coreFamilies,
})

function setTempPath(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.clientBodyTempPath !== undefined) cf.failDirective('is duplicate')
  own.clientBodyTempPath = cf.fullName(cf.args[1] ?? '', 'prefix')
}

function setKeepaliveTimeout(cf: ConfigCursor, own: Partial<CoreConf>): void {
  if (own.keepaliveTimeout !== undefined) cf.failDirective('is duplicate')
  own.keepaliveTimeout = parseTimeMs(cf.args[1] ?? '') ?? cf.failDirective('invalid value')
  const header = cf.args[2]
  own.keepaliveHeader =
    header === undefined ? 0 : Math.floor((parseTimeMs(header) ?? cf.failDirective('invalid value')) / 1000)
}

function setRoot(cf: ConfigCursor, own: Partial<CoreConf>): void {
  const isAlias = cf.args[0] === 'alias'
  if (own.root !== undefined) {
    const first = own.alias === undefined ? 'root' : 'alias'
    if (first === cf.args[0]) cf.failDirective('is duplicate')
    cf.failDirective(`is duplicate, "${first}" directive was specified earlier`)
  }
  const text = cf.args[1] ?? ''
  if (isAlias && maybeLocationLevel(cf)?.kind === 'named') {
    cf.fail('the "alias" directive cannot be used inside the named location')
  }
  if (/\$(document_root|\{document_root\}|realpath_root|\{realpath_root\})/.test(text)) {
    const name = /realpath/.test(text) ? '$realpath_root' : '$document_root'
    cf.fail(`the ${name} variable cannot be used in the "${cf.args[0]}" directive`)
  }
  // A path that begins with a variable gets the prefix only when it turns out to be relative (path.ts).
  const full = text.startsWith('$') ? text : cf.fullName(text, 'prefix')
  own.root = compileValue(cf, isAlias ? full : full.replace(/\/$/, ''))
  own.alias = isAlias ? own.root : undefined
}

function setTypes(cf: ConfigCursor, own: Partial<CoreConf>): void {
  const types = new Map(own.types)
  cf.words((line) => {
    const [type = '', ...extensions] = line.args
    for (const extension of extensions) {
      const key = extension.toLowerCase()
      const previous = types.get(key)
      if (previous !== undefined && previous !== type) {
        line.warn(`duplicate extension "${extension}", content type: "${type}", previous content type: "${previous}"`)
      }
      types.set(key, type)
    }
  })
  own.types = types
}

function setInternal(_cf: ConfigCursor, own: Partial<CoreConf>): void {
  own.internal = true
}

/** `error_page CODE ... [=[RESPONSE]] URI` */
function addErrorPage(cf: ConfigCursor, own: Partial<CoreConf>): void {
  const words = cf.args.slice(1)
  const uri = words.pop() as string
  let overwrite = -1
  const last = words.at(-1)
  if (last?.startsWith('=')) {
    if (words.length === 1) cf.fail(`invalid value "${last}"`)
    words.pop()
    const response = last.slice(1)
    if (response !== '' && !/^\d+$/.test(response)) cf.fail(`invalid value "${last}"`)
    overwrite = response === '' ? 0 : Number(response)
  }
  const value = compileValue(cf, uri)
  const pages: ErrorPage[] = [...(own.errorPages ?? [])]
  const codes = words.map((word) => {
    if (!/^\d+$/.test(word) || Number(word) === 499) cf.fail(`invalid value "${word}"`)
    const code = Number(word)
    if (code < 300 || code > 599) cf.fail(`value "${word}" must be between 300 and 599`)
    return code
  })
  // nginx's internal codes are answered as 400 unless something else is said.
  const internal = codes.filter((code) => code >= 494 && code <= 497)
  const others = codes.filter((code) => code < 494 || code > 497)
  if (others.length > 0) pages.push({ codes: others, overwrite, uri: value })
  if (internal.length > 0) pages.push({ codes: internal, overwrite: overwrite < 0 ? 400 : overwrite, uri: value })
  own.errorPages = pages
}
