// The border between a proxied request and the wire to its upstream. A transport opens exchanges on peers; an exchange is
// one request and its response. Everything is synchronous: calls go down through Exchange, events come up through
// ExchangeHandler, and after abort() or a final event (onEnd, onFailure) no event comes any more. Two implementations:
// http1/ (our own codec) and http2/ (undici).

import type { HeaderFields } from '../net/header_fields.ts'
import type { IdleConnections } from './idle_connections.ts'
import type { PeerAddress } from './peer_address.ts'

// Why a try failed: the bits of proxy_next_upstream.
export const FAIL_ERROR = 0x0002
export const FAIL_TIMEOUT = 0x0004
export const FAIL_INVALID_HEADER = 0x0008
export const FAIL_HTTP_500 = 0x0010
export const FAIL_HTTP_502 = 0x0020
export const FAIL_HTTP_503 = 0x0040
export const FAIL_HTTP_504 = 0x0080
export const FAIL_HTTP_403 = 0x0100
export const FAIL_HTTP_404 = 0x0200
export const FAIL_HTTP_429 = 0x0400
export const FAIL_NO_LIVE = 0x1000
/** Not a failure: the request was sent and repeating it may do harm. */
export const NON_IDEMPOTENT = 0x4000

// How far an exchange had come, for the error log.
export const PHASE_CONNECT = 0
export const PHASE_SEND = 1
export const PHASE_HEAD = 2
export const PHASE_BODY = 3

/** What the error log says for a phase: `while ...`. */
export const PHASE_ACTIONS = [
  'connecting to upstream',
  'sending request to upstream',
  'reading response header from upstream',
  'reading upstream',
] as const

// How the request body is delimited.
export const BODY_NONE = 0
/** The head names its length; exactly so many bytes are written. */
export const BODY_LENGTH = 1
/** The length is not known: the transport frames what is written. */
export const BODY_CHUNKED = 2
export type BodyFraming = 0 | 1 | 2

export const TIMED_OUT = 'upstream timed out (110: Connection timed out)'
export const PREMATURELY_CLOSED = 'upstream prematurely closed connection'

/** TLS to the upstream. */
export interface UpstreamTls {
  /** Name for SNI; '' = none is sent. */
  readonly serverName: string
}

/** What exchanges of a location have in common, with TLS those to one server name. Also tells cached connections apart. */
export interface TransportOptions {
  readonly connectTimeoutMs: number
  /** Between two successful writes. */
  readonly sendTimeoutMs: number
  /** Between two reads, and from the last write to the first read. */
  readonly readTimeoutMs: number
  /** A response head that is larger is an invalid one. Bytes. */
  readonly headLimit: number
  /** Of the request line; 2 means another transport. */
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2'
  /** TCP keepalive probes on the connection. */
  readonly tcpKeepAlive: boolean
  readonly tls: UpstreamTls | undefined
}

/** One request on its way to a peer, and its response on the way back. */
export interface Exchange {
  /** The request may be written: true at once on a cached connection, else when onConnect is called. */
  readonly connected: boolean
  /** This connection has served requests before: that it fails may mean no more than that it was stale. */
  readonly reused: boolean
  /** The head has been given to the system, in part at least. */
  readonly requestSent: boolean
  /** All bytes of this exchange on the connection, heads included. */
  readonly bytesSent: number
  readonly bytesReceived: number

  /**
   * Gives the request head: `lines` are complete header lines, each with its CRLF. Once. Without a body it goes out as
   * soon as there is a connection; with one it waits for the first body bytes, `flush` or `endBody`.
   */
  send(method: string, target: string, lines: string, framing: BodyFraming): void
  /**
   * Body bytes; only when connected. `stable`: the chunk will not change, so that it need not be copied. False: enough
   * for now, onDrain comes when there is room. The chunk is always taken.
   */
  write(chunk: Buffer | string, stable: boolean): boolean
  /** What was written so far goes out now. */
  flush(): void
  /** The body is complete. Required unless the framing is BODY_NONE. */
  endBody(): void
  /** Goes on reading after onData returned false. */
  resume(): void
  /** Ends the exchange and its connection, or its stream; no event follows. Not after onEnd: the connection has moved on. */
  abort(): void
}

/** Whoever started the exchange. */
export interface ExchangeHandler {
  /** A new connection has been established (not called for a cached one). */
  onConnect(): void
  /**
   * The response head, 1xx already skipped. `statusLine` is `200 OK`; `version` is major * 1000 + minor (9: the peer
   * spoke HTTP/0.9, there are no fields). `fields` are valid during the call only; `fields.text` may be kept.
   * `contentLength` is -1 when it is not known.
   */
  onHead(status: number, statusLine: string, version: number, fields: HeaderFields, contentLength: number): void
  /**
   * Body bytes at start..end of `bytes`, valid during the call only. Return false to pause: what was read already still
   * comes, no more than one read's worth.
   */
  onData(bytes: Buffer, start: number, end: number): boolean
  /** All data of one read has been delivered and the response goes on. */
  onBatchEnd(): void
  /** The response is complete. `trailers` are its trailer lines as they came, or ''. */
  onEnd(trailers: string): void
  /** The exchange failed, before or after the head: `failure` is a FAIL_* bit, `phase` a PHASE_*. */
  onFailure(failure: number, phase: number, message: string): void
  /** Something that is worth a line in the error log and changes nothing. */
  onOddity(isError: boolean, message: string): void
  /** write() may go on. */
  onDrain(): void
}

/** How peers of a location are talked to. */
export interface Transport {
  /**
   * Throws NoSlotError when this process has as many connections, or descriptors, as it may. `idle` holds connections to use
   * again, undefined = always a new one. `local` is the address to connect from: '' = any, `1.2.3.4`, `1.2.3.4:80`, `::1`,
   * `[::1]:80`.
   */
  open(
    address: PeerAddress,
    options: TransportOptions,
    idle: IdleConnections | undefined,
    local: string,
    handler: ExchangeHandler,
  ): Exchange
}
