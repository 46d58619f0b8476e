// What the handler makes of the answers of the native call, those included that a zone hardly ever gives.

import { describe, expect, it, vi } from 'vitest'
import { DECLINED } from '../../../../src/http/module.ts'
import type { HttpRequest } from '../../../../src/http/request.ts'
import { CRIT, ERROR, WARN } from '../../../../src/log/levels.ts'
import { type LimitConnPolicy, limitConnHandler } from '../../../../src/modules/limit_conn/handler.ts'
import { LIMIT_NO_MEMORY, LIMIT_NOT_ACCOUNTED, LIMIT_REJECTED } from '../../../../src/native/addon.ts'

const POLICY: LimitConnPolicy = { logLevel: WARN, status: 503, dryRun: false }
const SLOT = 3

function fakeRequest() {
  const log = vi.fn()
  const zoneLog = vi.fn()
  const cleanups: (() => void)[] = []
  const r = {
    log,
    logError: (text: string): unknown => log(ERROR, text),
    slots: undefined,
    location: { errorLog: { write: zoneLog } },
    addCleanup: (cleanup: () => void) => cleanups.push(cleanup),
  } as unknown as HttpRequest
  Object.assign(r, { main: r })
  return { r, log, zoneLog, cleanups, verdict: () => r.slots?.[SLOT] }
}

/** A handler for limits with these keys, whose native call answers `answer` about the limit `index`. */
function handlerFor(keys: readonly string[], answer: number, index = 0, policy = POLICY) {
  const acquire = vi.fn(() => answer)
  const release = vi.fn()
  const rules = keys.map((text, i) => ({ key: { text, constant: text, get: () => text }, zoneName: `zone${i}` }))
  const handler = limitConnHandler(rules, { acquire, release, result: Int32Array.of(index) }, policy, SLOT)
  return { acquire, release, handler }
}

describe('limitConnHandler', () => {
  it('passes the keys in order, is not run twice for a request, and releases once at its end', () => {
    const { handler, acquire, release } = handlerFor(['a', 'b', 'c'], 42)
    const { r, cleanups, verdict } = fakeRequest()
    expect([handler(r), handler(r)]).toEqual([DECLINED, DECLINED])
    expect(acquire).toHaveBeenCalledExactlyOnceWith('a', 'b', 'c')
    expect(verdict()).toBe('PASSED')
    expect(release).not.toHaveBeenCalled()
    for (const cleanup of cleanups) cleanup()
    expect(release).toHaveBeenCalledExactlyOnceWith(42)
  })

  it('asks again when nothing was accounted', () => {
    const { handler, acquire } = handlerFor(['a'], LIMIT_NOT_ACCOUNTED)
    const { r, cleanups, verdict } = fakeRequest()
    expect([handler(r), handler(r)]).toEqual([DECLINED, DECLINED])
    expect(acquire).toHaveBeenCalledTimes(2)
    expect(verdict()).toBeUndefined()
    expect(cleanups).toEqual([])
  })

  it('refuses with status and log line, naming the zone that refused', () => {
    const { handler } = handlerFor(['a', 'b'], LIMIT_REJECTED, 1)
    const { r, log, cleanups, verdict } = fakeRequest()
    expect(handler(r)).toBe(503)
    expect(verdict()).toBe('REJECTED')
    expect(log).toHaveBeenCalledExactlyOnceWith(WARN, 'limiting connections by zone "zone1"')
    expect(cleanups).toEqual([])
  })

  it('goes on in dry run, and says so', () => {
    const { handler } = handlerFor(['a'], LIMIT_REJECTED, 0, { ...POLICY, dryRun: true })
    const { r, log, verdict } = fakeRequest()
    expect(handler(r)).toBe(DECLINED)
    expect(verdict()).toBe('REJECTED_DRY_RUN')
    expect(log).toHaveBeenCalledExactlyOnceWith(WARN, 'limiting connections, dry run, by zone "zone0"')
  })

  it('refuses with a word about the zone and none about the request when there is no memory', () => {
    const { handler } = handlerFor(['a', 'b'], LIMIT_NO_MEMORY, 1)
    const { r, log, zoneLog, verdict } = fakeRequest()
    expect(handler(r)).toBe(503)
    expect(verdict()).toBe('REJECTED')
    expect(zoneLog).toHaveBeenCalledExactlyOnceWith(
      CRIT,
      'ngx_slab_alloc() failed: no memory in limit_conn_zone "zone1"',
    )
    expect(log).not.toHaveBeenCalled()
  })

  it('logs keys of more than 255 bytes, those behind a refusal not', () => {
    const long = 'x'.repeat(256)
    const text = `the value of the "${long}" key is more than 255 bytes: "${long}"`
    const passed = fakeRequest()
    handlerFor(['a', long], 1).handler(passed.r)
    expect(passed.log).toHaveBeenCalledExactlyOnceWith(ERROR, text)
    const alone = fakeRequest()
    handlerFor([long], LIMIT_NOT_ACCOUNTED).handler(alone.r)
    expect(alone.log).toHaveBeenCalledExactlyOnceWith(ERROR, text)
    const behind = fakeRequest()
    handlerFor(['a', long], LIMIT_REJECTED, 0).handler(behind.r)
    expect(behind.log).toHaveBeenCalledExactlyOnceWith(WARN, 'limiting connections by zone "zone0"')
  })
})
