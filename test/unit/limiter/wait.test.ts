// Waiting, with a clock that the tests turn.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { callAfter } from '../../../src/limiter/timer.ts'
import type { CheckResult } from '../../../src/limiter/types.ts'
import { afterDelay } from '../../../src/limiter/wait.ts'

const DAY_MS = 86_400_000
const result = (delayMs: number): CheckResult => ({
  allowed: true,
  delayMs,
  remaining: 0,
  retryAfterMs: 0,
  excess: 0,
})

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a timer', () => {
  test.each([1, 2 ** 31 - 1, 2 ** 31, 100 * DAY_MS])('of %d ms runs after them and not before', (ms) => {
    const run = vi.fn()
    callAfter(ms, run)
    vi.advanceTimersByTime(ms - 1)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([0, 30 * DAY_MS])('can be taken back after %d ms', (ms) => {
    const run = vi.fn()
    const cancel = callAfter(100 * DAY_MS, run)
    vi.advanceTimersByTime(ms)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(100 * DAY_MS)
    expect(run).not.toHaveBeenCalled()
  })
})

describe('the delay of a request', () => {
  test('of a hundred days is waited for', async () => {
    const done = vi.fn()
    const waiting = afterDelay(result(100 * DAY_MS), undefined).then(done)
    await vi.advanceTimersByTimeAsync(99 * DAY_MS)
    expect(done).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(DAY_MS)
    await waiting
    expect(done).toHaveBeenCalledOnce()
  })

  test('leaves neither a timer nor a listener when it was aborted', async () => {
    const leaving = new AbortController()
    const added = vi.spyOn(leaving.signal, 'addEventListener')
    const waiting = afterDelay(result(100 * DAY_MS), leaving.signal)
    expect(added).toHaveBeenCalledWith('abort', expect.any(Function), { once: true })
    const reason = new Error('left')
    leaving.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('leaves no listener when it is over', async () => {
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const waiting = afterDelay(result(10), signal)
    await vi.advanceTimersByTimeAsync(10)
    await waiting
    expect(removed).toHaveBeenCalledWith('abort', added.mock.calls[0]?.[1])
  })

  test('has one listener of a signal, however many wait for it', async () => {
    const ending = new AbortController()
    const added = vi.spyOn(ending.signal, 'addEventListener')
    const removed = vi.spyOn(ending.signal, 'removeEventListener')
    const wait = (ms: number) => afterDelay(result(ms), ending.signal)
    const short = Array.from({ length: 50 }, (_, i) => wait(i + 1))
    const long = Promise.allSettled(Array.from({ length: 50 }, () => wait(DAY_MS)))
    expect(added).toHaveBeenCalledOnce()
    await vi.advanceTimersByTimeAsync(50)
    await Promise.all(short)
    expect(removed).not.toHaveBeenCalled()
    const reason = new Error('the end')
    ending.abort(reason)
    expect(await long).toEqual(Array(50).fill({ status: 'rejected', reason }))
    expect(vi.getTimerCount()).toBe(0)
  })
})
