// The tries of one request at an upstream: picks a peer, opens the exchange, sends head and body, and decides after a failure
// whether there is another try. It is the balancer's record of what was tried. What becomes of a response is its
// subclass's (proxied_request.ts).

import type { HttpRequest } from '../../http/request.ts'
import { eventMonotonicMs } from '../../log/clock.ts'
import { ALERT, ERROR, type LogLevel, WARN } from '../../log/levels.ts'
import { NoSlotError } from '../../net/connection_slots.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import { balancerSeconds, type Peer, type Selection } from '../../upstream/peers.ts'
import {
  BODY_NONE,
  type Exchange,
  type ExchangeHandler,
  FAIL_ERROR,
  FAIL_HTTP_403,
  FAIL_HTTP_404,
  FAIL_NO_LIVE,
  NON_IDEMPOTENT,
  PHASE_ACTIONS,
  PHASE_CONNECT,
  PHASE_SEND,
} from '../../upstream/transport.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { Try, UpstreamTries } from '../upstream/tries.ts'
import { failureOfStatus, mayRepeat, statusOfFailure } from './failures.ts'
import { localAddress } from './local_address.ts'
import type { BodyOwner, OutgoingBody } from './outgoing_body.ts'
import type { ProxyUrl } from './pass.ts'
import type { ProxyPlan } from './plan.ts'

export abstract class UpstreamAttempts implements Selection, BodyOwner, ExchangeHandler {
  // Selection.
  tried = 0
  triedMore: Set<number> | undefined = undefined
  onBackups = false
  tries = 0

  protected readonly r: HttpRequest
  protected plan!: ProxyPlan
  protected url!: ProxyUrl
  protected group!: Upstream
  /** What all tries came to, for the variables. */
  protected records!: UpstreamTries
  /** The running try, or the last one. */
  protected current: Try | undefined = undefined
  protected exchange: Exchange | undefined = undefined

  // The request as it is sent, the same for every try.
  protected method = ''
  protected target = ''
  protected lines = ''
  protected body: OutgoingBody | undefined = undefined

  #peer: Peer | undefined = undefined
  #firstStartMs = 0

  constructor(r: HttpRequest) {
    this.r = r
  }

  /** Makes the first try of a request that is put together. */
  protected beginTries(): void {
    const { nextUpstreamTries } = this.plan.conf
    this.group.balancer.begin(this)
    if (nextUpstreamTries > 0 && this.tries > nextUpstreamTries) this.tries = nextUpstreamTries
    this.#firstStartMs = eventMonotonicMs()
    this.#connect()
  }

  /** One try. */
  #connect(): void {
    const r = this.r
    const group = this.group
    const nowMs = eventMonotonicMs()
    r.action = PHASE_ACTIONS[PHASE_CONNECT]
    const peer = group.balancer.pick(this, balancerSeconds(nowMs))
    this.current = this.records.begin(peer?.address.text ?? group.name, nowMs)
    if (peer === undefined) {
      this.log(ERROR, PHASE_CONNECT, 'no live upstreams')
      this.next(FAIL_NO_LIVE)
      return
    }
    this.#peer = peer
    const { transport, options, tlsOptions, conf } = this.plan
    const own = this.url.tls ? tlsOptions(r, this.url) : options
    const local = conf.bind === undefined ? '' : localAddress(conf.bind, r)
    let exchange: Exchange
    try {
      exchange = transport.open(peer.address, own, group.idle, local, this)
    } catch (error) {
      if (!(error instanceof NoSlotError)) throw error
      this.log(ALERT, PHASE_CONNECT, error.message)
      this.endTry(false)
      this.finish(500)
      return
    }
    this.exchange = exchange
    // A new one may connect, and call onConnect, before send returns.
    const isCached = exchange.connected
    exchange.send(this.method, this.target, this.lines, this.body?.framing ?? BODY_NONE)
    if (isCached) {
      this.current.connectMs = 0
      this.#sendBody(exchange)
    }
  }

  onConnect(): void {
    const current = this.current as Try
    current.connectMs = eventMonotonicMs() - current.startMs
    if (this.exchange !== undefined) this.#sendBody(this.exchange)
  }

  #sendBody(exchange: Exchange): void {
    this.r.action = PHASE_ACTIONS[PHASE_SEND]
    this.body?.start(exchange)
  }

  onDrain(): void {
    this.body?.onDrain()
  }

  onBodyFailure(status: number, message: string): void {
    if (message !== '') this.log(ERROR, PHASE_SEND, message)
    this.endTry(false)
    this.finish(status)
  }

  /** Asks another peer instead of passing this response on, if it is configured and possible. */
  protected triesNextFor(status: number): boolean {
    const failure = failureOfStatus(status)
    if (failure === 0 || this.tries <= 1 || !this.#isRepeatable(failure)) return false
    this.next(failure)
    return true
  }

  /** The running try has failed: makes the next one, or ends the request. */
  protected next(failure: number): void {
    const exchange = this.exchange
    const status = statusOfFailure(failure)
    const repeatable = this.#isRepeatable(failure)
    ;(this.current as Try).status = status
    this.endTry(failure !== FAIL_HTTP_403 && failure !== FAIL_HTTP_404)
    // A cached connection may just have been stale: that costs no try.
    if (exchange?.reused === true && failure === FAIL_ERROR) this.tries++
    if (this.tries === 0 || !repeatable) this.finish(status)
    else this.#connect()
  }

  /** May the request be made again after that failure (tries apart)? */
  #isRepeatable(failure: number): boolean {
    const { conf } = this.plan
    const isSent = this.exchange?.requestSent === true
    const needed = isSent && !mayRepeat(this.r.method) ? failure | NON_IDEMPOTENT : failure
    if ((conf.nextUpstream & needed) !== needed || (isSent && this.body?.repeatable === false)) return false
    const limitMs = conf.nextUpstreamTimeout
    return limitMs === 0 || eventMonotonicMs() - this.#firstStartMs < limitMs
  }

  protected countBytes(exchange: Exchange): void {
    const current = this.current as Try
    current.bytesReceived = exchange.bytesReceived
    current.bytesSent = exchange.bytesSent
  }

  /** Closes the books on the running try. An exchange that is still there is cut. */
  protected endTry(failed: boolean): void {
    const current = this.current
    const exchange = this.exchange
    const nowMs = eventMonotonicMs()
    if (current !== undefined && current.responseMs < 0) {
      current.responseMs = nowMs - current.startMs
      if (exchange !== undefined) this.countBytes(exchange)
    }
    this.body?.stop()
    this.exchange = undefined
    exchange?.abort()
    const peer = this.#peer
    if (peer === undefined) return
    this.#peer = undefined
    if (this.group.balancer.free(this, peer, failed, balancerSeconds(nowMs))) {
      this.log(WARN, PHASE_CONNECT, 'upstream server temporarily disabled')
    }
  }

  /** Ends the request without the upstream's response. */
  protected abstract finish(status: number): void

  abstract onHead(
    status: number,
    statusLine: string,
    version: number,
    fields: HeaderFields,
    contentLength: number,
  ): void
  abstract onData(bytes: Buffer, start: number, end: number): boolean
  abstract onBatchEnd(): void
  abstract onEnd(trailers: string): void
  abstract onFailure(failure: number, phase: number, message: string): void
  abstract onOddity(isError: boolean, message: string): void

  /** Of the running try. */
  protected log(level: LogLevel, phase: number, message: string): void {
    const r = this.r
    r.action = PHASE_ACTIONS[phase] ?? ''
    r.upstreamText = `, upstream: "${this.url.tls ? 'https' : 'http'}://${this.current?.address ?? ''}${this.target}"`
    r.log(level, message)
  }
}
