// The border between requests and the wire: what a request knows of HTTP/1, HTTP/2 or a parent request. One consumer each
// way; all calls are synchronous; a chunk handed over is valid during the call only, whoever wants to keep it copies it.

import type { HttpRequest } from './request.ts'

/** Takes the client's body. Set by `stream.readBody`. */
export interface BodySink {
  /** `chunk` is valid during the call only. Return false to pause; `stream.resumeBody()` goes on. */
  onBodyData(chunk: Buffer): boolean
  onBodyEnd(): void
  /** The body cannot be read: 400 (malformed, or the client went away: `gone`), 408 (timeout), 413 (too large). The stream does nothing else. */
  onBodyError(status: number, gone: boolean): void
}

/** Produces the response body; asked for more when the stream has room again. */
export interface BodySource {
  onWritable(): void
  /** The request has ended without it, since the client is gone: nobody wants the rest. */
  onUnwanted?(): void
}

/** The response side and the body side of one request. Implemented by http1, http2 and subrequests. */
export interface RequestStream {
  /** Takes over the head from `r`; it goes out with the first body bytes, at flush or at end. */
  sendHead(r: HttpRequest): void
  /** False: above the high-water mark; `r.source.onWritable()` is called when there is room. The chunk is always taken. */
  write(chunk: Buffer | string): boolean
  /** What was written so far goes out now. */
  flush(): void
  /** The response is complete. The stream calls `r.ended()` when the last byte is handed to the system. */
  end(): void
  /** The response cannot be completed (upstream died in the middle, 444): cut the connection or reset the stream. */
  abort(): void
  /** Starts reading the client's body into `sink` (sends 100 Continue if expected). At most once per request. */
  readBody(sink: BodySink): void
  resumeBody(): void
  /** The body is not wanted: read and drop it. False = what came of it so far is malformed; the answer is then 400. */
  discardBody(): boolean
  /** Bytes of the request as received so far, line and headers included ($request_length). */
  readonly bytesReceived: number
  /** Bytes of the response handed to the system, head included ($bytes_sent). */
  readonly bytesSent: number
  /** Bytes of the response head; bytesSent - headerSize is $body_bytes_sent. */
  readonly headerSize: number
}
