// What the handler makes of the answers of the native call, those included that a zone hardly ever gives.

import { describe, expect, it, vi } from 'vitest'
import { DECLINED } from '../../../../src/http/module.ts'
import type { HttpRequest } from '../../../../src/http/request.ts'
import { ALERT, ERROR } from '../../../../src/log/levels.ts'
import { type LimitPolicy, limitHandler } from '../../../../src/modules/limit_req/handler.ts'
import { LIMIT_NO_MEMORY, LIMIT_NOT_ACCOUNTED } from '../../../../src/native/addon.ts'

const POLICY: LimitPolicy = { logLevel: ERROR, status: 503, dryRun: false }
const SLOT = 3

interface FakeRequest {
  readonly r: HttpRequest
  readonly log: ReturnType<typeof vi.fn>
  readonly zoneLog: ReturnType<typeof vi.fn>
  verdict(): string | undefined
}

function fakeRequest(isLogged = true): FakeRequest {
  const log = vi.fn()
  const zoneLog = vi.fn()
  const logs = (): boolean => isLogged
  const r = { log, logs, slots: undefined, location: { errorLog: { write: zoneLog } } } as unknown as HttpRequest
  Object.assign(r, { main: r })
  return { r, log, zoneLog, verdict: () => r.slots?.[SLOT] }
}

/** A handler for limits with these constant keys, whose native call answers `waitMs` about the limit `index`. */
function handlerFor(keys: readonly string[], waitMs: number, index = 0, policy = POLICY) {
  const check = vi.fn(() => waitMs)
  const rules = keys.map((text, i) => ({ key: { text, constant: text, get: () => text }, zoneName: `zone${i}` }))
  return { check, handler: limitHandler(rules, check, Float64Array.of(2500, index), policy, SLOT) }
}

describe('limitHandler', () => {
  it('passes the keys in order and is not run twice for a request', () => {
    const { handler, check } = handlerFor(['a', 'b', 'c'], 0)
    const { r, verdict } = fakeRequest()
    expect(handler(r)).toBe(DECLINED)
    expect(check).toHaveBeenCalledWith('a', 'b', 'c')
    expect(verdict()).toBe('PASSED')
    expect(handler(r)).toBe(DECLINED)
    expect(check).toHaveBeenCalledOnce()
  })

  it('asks again when nothing was accounted', () => {
    const { handler, check } = handlerFor(['a'], LIMIT_NOT_ACCOUNTED)
    const { r, verdict } = fakeRequest()
    expect([handler(r), handler(r)]).toEqual([DECLINED, DECLINED])
    expect(check).toHaveBeenCalledTimes(2)
    expect(verdict()).toBeUndefined()
  })

  it('refuses with an alert about the zone when there is no memory', () => {
    const { handler } = handlerFor(['a', 'b'], LIMIT_NO_MEMORY, 1)
    const { r, log, zoneLog, verdict } = fakeRequest()
    expect(handler(r)).toBe(503)
    expect(verdict()).toBe('REJECTED')
    expect(zoneLog).toHaveBeenCalledExactlyOnceWith(ALERT, 'could not allocate node in limit_req zone "zone1"')
    expect(log).not.toHaveBeenCalled()
  })

  it('goes on without memory in dry run', () => {
    const { handler } = handlerFor(['a'], LIMIT_NO_MEMORY, 0, { ...POLICY, dryRun: true })
    const { r, verdict } = fakeRequest()
    expect(handler(r)).toBe(DECLINED)
    expect(verdict()).toBe('REJECTED_DRY_RUN')
  })

  it('writes the excess with three decimals', () => {
    const { handler } = handlerFor(['a'], -1)
    const { r, log } = fakeRequest()
    handler(r)
    expect(log).toHaveBeenCalledExactlyOnceWith(ERROR, 'limiting requests, excess: 2.500 by zone "zone0"')
  })

  it('makes no line for a log that would not take it', () => {
    const { handler } = handlerFor(['a'], -1)
    const { r, log } = fakeRequest(false)
    handler(r)
    expect(log).not.toHaveBeenCalled()
  })
})
