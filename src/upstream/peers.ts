// Which peer gets the next request: nginx's smooth weighted round robin with failure accounting (spec proxy.md §9), state
// per worker. Times are whole seconds of the caller's clock, as in nginx, and enter as arguments.

import type { PeerAddress } from './peer_address.ts'

/** Parameters of a `server` line. */
export interface PeerParameters {
  readonly weight: number
  /** 0 = no limit. */
  readonly maxConns: number
  /** 0 = never unavailable. */
  readonly maxFails: number
  readonly failTimeoutSec: number
  readonly backup: boolean
  readonly down: boolean
}

export class Peer {
  readonly address: PeerAddress
  readonly parameters: PeerParameters
  /** Its bit in a selection's tried set; unique within primaries and within backups. */
  readonly index: number
  effectiveWeight: number
  currentWeight = 0
  conns = 0
  fails = 0
  /** Second of the last failure. */
  accessed = 0
  /** Second of the last failure or of the last probe after one. */
  checked = 0

  constructor(address: PeerAddress, parameters: PeerParameters, index: number) {
    this.address = address
    this.parameters = parameters
    this.index = index
    this.effectiveWeight = parameters.weight
  }

  /** Bits apart: may it be chosen at all? */
  isUsable(nowSec: number): boolean {
    const { down, maxFails, failTimeoutSec, maxConns } = this.parameters
    if (down) return false
    if (maxFails > 0 && this.fails >= maxFails && nowSec - this.checked <= failTimeoutSec) return false
    return maxConns === 0 || this.conns < maxConns
  }
}

/** What one request has tried so far. The request's own object implements it. */
export interface Selection {
  /** Bits of peers 0..30. */
  tried: number
  /** Indexes above; undefined = none. */
  triedMore: Set<number> | undefined
  /** The primaries are exhausted: only backups from now on. */
  onBackups: boolean
  /** Tries left, the running one included. */
  tries: number
}

/** A load balancing method with its peers. */
export interface Balancer {
  /** Prepares `selection` for a new request. */
  begin(selection: Selection): void
  /** The peer of the next try (its connection is counted), or undefined: no live upstreams. */
  pick(selection: Selection, nowSec: number): Peer | undefined
  /** The try is over. Returns true when the peer has just been disabled for a while (worth a warning). */
  free(selection: Selection, peer: Peer, failed: boolean, nowSec: number): boolean
}

export class RoundRobin implements Balancer {
  readonly primaries: readonly Peer[]
  readonly backups: readonly Peer[]
  /** Tries of a request: peers that are not down. */
  readonly #tries: number
  /** The only server there is: failures do not disable it. */
  readonly #single: Peer | undefined

  constructor(servers: readonly { readonly address: PeerAddress; readonly parameters: PeerParameters }[]) {
    const make = (backup: boolean): Peer[] =>
      servers
        .filter(({ parameters }) => parameters.backup === backup)
        .map(({ address, parameters }, index) => new Peer(address, parameters, index))
    this.primaries = make(false)
    this.backups = make(true)
    this.#tries = [...this.primaries, ...this.backups].filter(({ parameters }) => !parameters.down).length
    this.#single = this.primaries.length === 1 && this.backups.length === 0 ? this.primaries[0] : undefined
  }

  begin(selection: Selection): void {
    selection.onBackups = false
    clearTried(selection)
    selection.tries = this.#tries
  }

  pick(selection: Selection, nowSec: number): Peer | undefined {
    const single = this.#single
    if (single !== undefined) {
      const { down, maxConns } = single.parameters
      if (down || (maxConns > 0 && single.conns >= maxConns)) return undefined
      single.conns++
      return single
    }
    if (!selection.onBackups) {
      const peer = pickFrom(this.primaries, selection, nowSec)
      if (peer !== undefined) return peer
      if (this.backups.length === 0) return undefined
      selection.onBackups = true
      clearTried(selection)
    }
    return pickFrom(this.backups, selection, nowSec)
  }

  free(selection: Selection, peer: Peer, failed: boolean, nowSec: number): boolean {
    peer.conns--
    if (peer === this.#single) {
      peer.fails = 0
      selection.tries = 0
      return false
    }
    if (selection.tries > 0) selection.tries--
    if (!failed) {
      // Only the probe after a pause clears the record: it is the one request that came in at `checked`.
      if (peer.accessed < peer.checked) peer.fails = 0
      return false
    }
    const { weight, maxFails } = peer.parameters
    peer.fails++
    peer.accessed = nowSec
    peer.checked = nowSec
    if (maxFails === 0) return false
    peer.effectiveWeight = Math.max(0, peer.effectiveWeight - Math.trunc(weight / maxFails))
    return peer.fails >= maxFails
  }
}

function pickFrom(peers: readonly Peer[], selection: Selection, nowSec: number): Peer | undefined {
  let best: Peer | undefined
  let total = 0
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i] as Peer
    if (isTried(selection, peer.index) || !peer.isUsable(nowSec)) continue
    peer.currentWeight += peer.effectiveWeight
    total += peer.effectiveWeight
    if (peer.effectiveWeight < peer.parameters.weight) peer.effectiveWeight++
    if (best === undefined || peer.currentWeight > best.currentWeight) best = peer
  }
  if (best === undefined) return undefined
  best.currentWeight -= total
  best.conns++
  markTried(selection, best.index)
  if (nowSec - best.checked > best.parameters.failTimeoutSec) best.checked = nowSec
  return best
}

const LOW_BITS = 31

function isTried(selection: Selection, index: number): boolean {
  if (index < LOW_BITS) return (selection.tried & (1 << index)) !== 0
  return selection.triedMore?.has(index) === true
}

function markTried(selection: Selection, index: number): void {
  if (index < LOW_BITS) {
    selection.tried |= 1 << index
    return
  }
  selection.triedMore ??= new Set()
  selection.triedMore.add(index)
}

function clearTried(selection: Selection): void {
  selection.tried = 0
  selection.triedMore = undefined
}

/** Seconds for a Balancer: never goes back, and is large from the start (a peer that was never probed has `checked` 0). */
export function balancerSeconds(nowMs: number): number {
  return Math.floor((performance.timeOrigin + nowMs) / 1000)
}
