import { describe, expect, test } from 'vitest'
import { tcpAddress } from '../../../src/upstream/peer_address.ts'
import { type PeerParameters, RoundRobin, type Selection } from '../../../src/upstream/peers.ts'

const DEFAULTS: PeerParameters = { weight: 1, maxConns: 0, maxFails: 1, failTimeoutSec: 10, backup: false, down: false }

/** Peers called a, b, c … */
function group(...parameters: Partial<PeerParameters>[]): RoundRobin {
  return new RoundRobin(
    parameters.map((own, i) => ({
      address: tcpAddress(String.fromCharCode(97 + i), 1),
      parameters: { ...DEFAULTS, ...own },
    })),
  )
}

function newSelection(): Selection {
  return { tried: 0, triedMore: undefined, onBackups: false, tries: 0 }
}

/** One whole request that succeeds; the name of its peer, or '-'. */
function serve(balancer: RoundRobin, nowSec = 1000): string {
  const selection = newSelection()
  balancer.begin(selection)
  const peer = balancer.pick(selection, nowSec)
  if (peer === undefined) return '-'
  balancer.free(selection, peer, false, nowSec)
  return peer.address.host
}

/** One request whose first try fails; the names of the peers it tried. */
function failOnce(balancer: RoundRobin, nowSec = 1000): string {
  const selection = newSelection()
  balancer.begin(selection)
  const first = balancer.pick(selection, nowSec)
  if (first === undefined) return '-'
  balancer.free(selection, first, true, nowSec)
  if (selection.tries === 0) return first.address.host
  const second = balancer.pick(selection, nowSec)
  if (second === undefined) return `${first.address.host}-`
  balancer.free(selection, second, false, nowSec)
  return first.address.host + second.address.host
}

function sequence(count: number, once: () => string): string {
  return Array.from({ length: count }, once).join('')
}

describe('smooth weighted round robin', () => {
  test('weights 5, 1, 1 give a a b a c a a', () => {
    const balancer = group({ weight: 5 }, {}, {})
    expect(sequence(14, () => serve(balancer))).toBe('aabacaaaabacaa')
  })

  test('equal weights take turns', () => {
    const balancer = group({}, {}, {})
    expect(sequence(6, () => serve(balancer))).toBe('abcabc')
  })

  test('a peer that is down is never used and gives no try', () => {
    const balancer = group({ down: true }, {}, {})
    const selection = newSelection()
    balancer.begin(selection)
    expect(selection.tries).toBe(2)
    expect(sequence(4, () => serve(balancer))).toBe('bcbc')
  })

  test('more peers than bits of a number are told apart', () => {
    const balancer = group(...Array.from({ length: 40 }, () => ({ maxFails: 0 })))
    const selection = newSelection()
    balancer.begin(selection)
    const seen = new Set<number>()
    for (let peer = balancer.pick(selection, 1); peer !== undefined; peer = balancer.pick(selection, 1)) {
      seen.add(peer.index)
      balancer.free(selection, peer, true, 1)
    }
    expect(seen.size).toBe(40)
    expect(selection.tries).toBe(0)
  })
})

describe('failures', () => {
  test('a failed peer is not used for fail_timeout, then gets one probe', () => {
    const balancer = group({}, {})
    expect(failOnce(balancer, 1000)).toBe('ab')
    expect(sequence(3, () => serve(balancer, 1010))).toBe('bbb')
    // The pause is over: of the requests that come at once, one is the probe.
    const selection = newSelection()
    const atOnce: string[] = []
    for (let i = 0; i < 6; i++) {
      balancer.begin(selection)
      atOnce.push(balancer.pick(selection, 1011)?.address.host ?? '-')
    }
    expect(atOnce.join('')).toMatch(/^b*ab*$/)
    const [a] = balancer.primaries
    if (a) balancer.free(selection, a, false, 1011)
    expect(sequence(4, () => serve(balancer, 1011)).replaceAll('b', '')).toBe('aa')
  })

  test('a probe that fails starts the pause again', () => {
    const balancer = group({}, {})
    failOnce(balancer, 1000)
    const selection = newSelection()
    const [a] = balancer.primaries
    do balancer.begin(selection)
    while (balancer.pick(selection, 1011) !== a)
    if (a) balancer.free(selection, a, true, 1011)
    expect(sequence(3, () => serve(balancer, 1021))).toBe('bbb')
  })

  test('max_fails counts failures and tells when a peer is disabled', () => {
    const balancer = group({ maxFails: 2, weight: 4 }, { weight: 4 })
    const [a] = balancer.primaries
    const selection = newSelection()
    balancer.begin(selection)
    expect(a && balancer.pick(selection, 1000)).toBe(a)
    expect(a && balancer.free(selection, a, true, 1000)).toBe(false)
    expect(a?.effectiveWeight).toBe(2)
    balancer.begin(selection)
    while (balancer.pick(selection, 1000) !== a);
    expect(a && balancer.free(selection, a, true, 1000)).toBe(true)
  })

  test('max_fails=0 never disables a peer', () => {
    const balancer = group({ maxFails: 0 }, { maxFails: 0 })
    expect(sequence(4, () => failOnce(balancer))).toBe('abbaabba')
  })

  test('a single server is used however often it fails, with one try', () => {
    const balancer = group({})
    expect(sequence(3, () => failOnce(balancer))).toBe('aaa')
    expect(serve(balancer)).toBe('a')
  })

  test('all peers failing leaves no live upstreams', () => {
    const balancer = group({}, {})
    const selection = newSelection()
    balancer.begin(selection)
    for (let peer = balancer.pick(selection, 1); peer !== undefined; peer = balancer.pick(selection, 1)) {
      balancer.free(selection, peer, true, 1)
    }
    expect(serve(balancer, 1)).toBe('-')
    expect(serve(balancer, 12)).not.toBe('-')
  })
})

describe('limits and backups', () => {
  test('max_conns keeps a busy peer out, also a single one', () => {
    const balancer = group({ maxConns: 1 }, {})
    const selection = newSelection()
    balancer.begin(selection)
    const busy = balancer.pick(selection, 1)
    expect(busy?.address.host).toBe('a')
    expect(sequence(3, () => serve(balancer, 1))).toBe('bbb')
    const single = group({ maxConns: 1 })
    balancer.begin(selection)
    expect(single.pick(selection, 1)).toBeDefined()
    expect(serve(single, 1)).toBe('-')
  })

  test('backups serve only when no primary can, and count as tries', () => {
    const balancer = group({}, { backup: true })
    const selection = newSelection()
    balancer.begin(selection)
    expect(selection.tries).toBe(2)
    expect(sequence(3, () => serve(balancer))).toBe('aaa')
    expect(failOnce(balancer, 1000)).toBe('ab')
    expect(serve(balancer, 1001)).toBe('b')
    expect(serve(balancer, 1011)).toBe('a')
  })

  test('a single server that is down is no live upstream', () => {
    expect(serve(group({ down: true }))).toBe('-')
  })
})
