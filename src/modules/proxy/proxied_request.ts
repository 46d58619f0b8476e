// One request on its way through an upstream: puts it together, and passes head and body of the response on to the client's
// stream. Which peer is asked, and whether another one is, is upstream_attempts.ts's business. It is what all parties call
// back: the exchange, the client's stream and the request's body.
//
//   start → (client's body) → connect → head → body → end          a failure before the head: connect again, or finish

import { DONE, type PhaseResult } from '../../http/module.ts'
import type { Pacer } from '../../http/pacer.ts'
import { HTTP_0_9 } from '../../http/request.ts'
import { readClientBody, type WholeBody } from '../../http/request_body.ts'
import { sendHead } from '../../http/send.ts'
import type { BodySource } from '../../http/stream.ts'
import { eventMonotonicMs } from '../../log/clock.ts'
import { ERROR, INFO, WARN } from '../../log/levels.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import { BODY_CHUNKED, PHASE_ACTIONS, PHASE_BODY, PHASE_HEAD } from '../../upstream/transport.ts'
import { upstream } from '../upstream/index.ts'
import { keepTries, type Try } from '../upstream/tries.ts'
import { accelBuffering, accelRedirect, asksForRedirect, obeyLimitRate } from './accel.ts'
import { isMethod } from './clean.ts'
import { findUpstream } from './find_upstream.ts'
import { interceptsStatus, keepChallenges } from './intercept.ts'
import { paceUpstream } from './limit_rate.ts'
import { BufferedBody, StreamedBody, TextBody } from './outgoing_body.ts'
import { evaluatePass } from './pass.ts'
import type { ProxyPlan } from './plan.ts'
import { requestTarget } from './request_target.ts'
import { UpstreamAttempts } from './upstream_attempts.ts'

/** Body chunks up to this size are handed on as text, which costs less than a view of the bytes. */
const SMALL_CHUNK = 2 * 1024

export class ProxiedRequest extends UpstreamAttempts implements BodySource {
  /** $proxy_host and $proxy_port; '' until the URL is known. */
  proxyHost = ''
  proxyPort = ''
  /** See HttpRequest.hold. */
  #holds = false

  // The response.
  #buffering = true
  #headDone = false
  /** The client's stream is full. */
  #blocked = false
  /** Bytes handed to it since then. */
  #ahead = 0
  #pacer: Pacer | undefined = undefined

  /** The content handler. */
  start(plan: ProxyPlan): PhaseResult {
    const r = this.r
    this.plan = plan
    const url = evaluatePass(plan.pass, r)
    if (typeof url === 'string') {
      r.log(ERROR, url)
      return 500
    }
    this.url = url
    this.proxyHost = url.hostText
    this.proxyPort = url.portText
    const found = plan.upstream ?? findUpstream(plan.groups, url.place, r)
    if (typeof found === 'number') return found
    this.group = found
    this.target = requestTarget(r, url.uri, plan.pass.value !== undefined, plan.pass.locationName)
    if (this.target === '') {
      r.log(ERROR, 'zero length URI to proxy')
      return 500
    }
    this.method = plan.method === undefined ? r.method : plan.method.get(r)
    if (plan.method !== undefined && !isMethod(this.method)) {
      r.log(ERROR, `invalid method "${this.method}" to proxy`)
      return 500
    }
    this.records = r.state(upstream)
    this.records.beginUse()
    const hasBody = r.contentLengthIn > 0 || r.chunkedIn || r.expectContinue
    const known = this.records.requestBody
    if (known !== undefined || !hasBody || r.bodyTaken) this.#begin(known)
    else if (this.#canStream()) {
      this.body = new StreamedBody(r, this)
      this.#begin(undefined)
    } else readClientBody(r, (body) => this.#begin(body))
    return DONE
  }

  #canStream(): boolean {
    const { requestBuffering, setBody, passRequestBody, httpVersion } = this.plan.conf
    if (requestBuffering || setBody !== undefined || !passRequestBody) return false
    return !(this.r.chunkedIn && httpVersion === '1.0')
  }

  /** Puts the request together, once, and makes the first try. `whole` is the client's body, if it was read. */
  #begin(whole: WholeBody | undefined): void {
    const r = this.r
    const { conf, lines } = this.plan
    if (whole !== undefined) this.records.requestBody = whole
    // A body that somebody else has taken is not there any more to be announced.
    let length = whole?.length ?? (r.bodyTaken ? Math.min(r.contentLengthIn, 0) : r.contentLengthIn)
    if (conf.setBody !== undefined) {
      const text = conf.setBody.get(r)
      length = text.length
      if (length > 0) this.body = new TextBody(text)
    } else if (whole !== undefined && whole.length > 0 && conf.passRequestBody) {
      this.body = new BufferedBody(whole, this)
    }
    const isChunked = this.body?.framing === BODY_CHUNKED
    this.lines = lines(r, this.proxyHost, isChunked ? -1 : length, isChunked)
    r.source = this
    if (conf.ignoreClientAbort) {
      // The upstream is heard to its end whether there is a client or not, and may want the body until then.
      r.onAbort = ignoreAbort
      this.#holds = true
      r.hold()
    } else r.onAbort = () => this.#onClientGone()
    this.beginTries()
  }

  // The response.

  onHead(status: number, statusLine: string, version: number, fields: HeaderFields, contentLength: number): void {
    const r = this.r
    const { conf, errorPages, moveFields } = this.plan
    const current = this.current as Try
    current.status = status
    current.headerMs = eventMonotonicMs() - current.startMs
    if (this.exchange !== undefined) this.countBytes(this.exchange)
    this.records.headText = fields.text
    r.action = PHASE_ACTIONS[PHASE_HEAD]
    if (r.done) {
      this.endTry(false)
      this.#release()
      return
    }
    if (status >= 300) {
      if (this.triesNextFor(status)) return
      if (conf.interceptErrors && interceptsStatus(errorPages, status)) {
        if (status === 401) keepChallenges(r, fields)
        this.endTry(false)
        this.finish(status)
        return
      }
    }
    if (status === 101) {
      // Here relaying of upgraded connections will begin. Until then nobody is told that it has.
      this.log(ERROR, PHASE_HEAD, 'upstream switched protocols, which is not supported yet')
      this.endTry(false)
      this.finish(502)
      return
    }
    obeyLimitRate(r, fields, conf.ignoreHeaders)
    if (asksForRedirect(fields, conf.ignoreHeaders)) {
      this.endTry(false)
      this.#release()
      keepTries(r, this.records)
      accelRedirect(r, fields)
      return
    }
    this.#buffering = accelBuffering(fields, conf.ignoreHeaders, conf.buffering)
    // Whoever wants every piece at once does not want it slowly.
    if (!this.#buffering) r.limitRate = 0
    moveFields(r, fields)
    r.status = status
    r.statusLine = statusLine
    r.out.contentLength = contentLength
    if (version === HTTP_0_9) {
      r.httpVersion = HTTP_0_9
      r.keepAlive = false
    }
    r.action = PHASE_ACTIONS[PHASE_BODY]
    this.#headDone = true
    if (this.#buffering && conf.limitRate !== undefined) {
      this.#pacer = paceUpstream(r, this.plan, () => this.#onPaced())
    }
    sendHead(r)
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    const r = this.r
    const size = end - start
    ;(this.current as Try).bodyLength += size
    if (r.headerOnly) return true
    const chunk = size <= SMALL_CHUNK ? bytes.latin1Slice(start, end) : bytes.subarray(start, end)
    if (this.#pacer !== undefined) return this.#pacer.write(chunk)
    if (r.stream.write(chunk)) return true
    if (!this.#blocked) {
      this.#blocked = true
      this.#ahead = 0
    }
    this.#ahead += size
    // A client that is slower than the upstream holds it back: at once, or when what was read ahead fills the buffers.
    return this.#buffering && this.#ahead < this.plan.readAhead
  }

  onBatchEnd(): void {
    const r = this.r
    if (r.done) {
      this.endTry(false)
      this.#release()
      return
    }
    r.stream.flush()
  }

  onWritable(): void {
    this.#blocked = false
    if (this.#pacer === undefined) this.exchange?.resume()
    else this.#pacer.pump()
  }

  /** proxy_ignore_client_abort: the upstream has its request carried out, but its answer has nobody to go to. */
  onUnwanted(): void {
    if (!this.#headDone) return
    this.endTry(false)
    this.#release()
  }

  /** What the rate had held back has been passed on. */
  #onPaced(): void {
    if (this.exchange === undefined) this.#complete()
    else this.exchange.resume()
  }

  onEnd(trailers: string): void {
    this.records.trailers = trailers
    const exchange = this.exchange
    this.exchange = undefined
    if (exchange !== undefined) this.countBytes(exchange)
    if (!this.#pacer?.busy) this.#complete()
  }

  #complete(): void {
    this.#pacer?.cancel()
    this.endTry(false)
    this.#release()
    this.r.stream.end()
  }

  onFailure(failure: number, phase: number, message: string): void {
    this.log(ERROR, phase, message)
    if (!this.#headDone) {
      this.next(failure)
      return
    }
    // Too late for another try, and the client must see that this is not the whole answer.
    this.endTry(false)
    this.#release()
    this.r.stream.abort()
  }

  onOddity(isError: boolean, message: string): void {
    this.log(isError ? ERROR : WARN, this.#headDone ? PHASE_BODY : PHASE_HEAD, message)
  }

  /** Ends the request without the upstream's response. */
  protected finish(status: number): void {
    const r = this.r
    this.#release()
    if (this.#headDone) {
      r.stream.abort()
      return
    }
    this.#keepBody()
    keepTries(r, this.records)
    r.finalize(r.aborted && status >= 500 ? 499 : status)
  }

  /** A body that was passed on as it came is still here if it was small: the location of an error page may want it. */
  #keepBody(): void {
    const memory = this.r.requestBody
    if (memory !== undefined) this.records.requestBody ??= { length: memory.length, memory, stable: true, fd: -1 }
  }

  /** Nothing calls us any more. */
  #release(): void {
    const r = this.r
    r.source = undefined
    r.onAbort = undefined
    r.action = ''
    if (!this.#holds) return
    this.#holds = false
    r.release()
  }

  #onClientGone(): void {
    if (this.exchange !== undefined) {
      this.r.log(
        INFO,
        'epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too',
      )
      if (!this.#headDone) (this.current as Try).status = 0
    }
    this.endTry(false)
    this.finish(499)
  }
}

function ignoreAbort(): void {}
