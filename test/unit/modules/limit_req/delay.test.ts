import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Delay } from '../../../../src/modules/limit_req/delay.ts'

const MAX_TIMER_MS = 2 ** 31 - 1

describe('Delay', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('elapses once after its time', () => {
    const onElapsed = vi.fn()
    new Delay(100, onElapsed)
    vi.advanceTimersByTime(99)
    expect(onElapsed).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    vi.advanceTimersByTime(1000)
    expect(onElapsed).toHaveBeenCalledOnce()
  })

  it('takes longer than a timer of Node can', () => {
    const onElapsed = vi.fn()
    const delayMs = 2 * MAX_TIMER_MS + 5
    new Delay(delayMs, onElapsed)
    vi.advanceTimersByTime(delayMs - 1)
    expect(onElapsed).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(onElapsed).toHaveBeenCalledOnce()
  })

  it('can be cancelled, also in a later part of a long one', () => {
    const onElapsed = vi.fn()
    const long = new Delay(MAX_TIMER_MS + 10, onElapsed)
    vi.advanceTimersByTime(MAX_TIMER_MS + 1)
    long.cancel()
    const short = new Delay(5, onElapsed)
    short.cancel()
    short.cancel()
    vi.advanceTimersByTime(100)
    expect(onElapsed).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
