import { describe, expect, test } from 'vitest'
import { median, type Sample, standing } from '../../../load-tests/bench/standing.ts'
import { wrkResult } from '../../../load-tests/bench/wrk.ts'

const sample = (cpuUs: number, perSecond = 1000): Sample => ({
  cpuUs,
  userUs: cpuUs,
  systemUs: 0,
  perSecond,
  p50Ms: 1,
  p99Ms: 2,
  p999Ms: 3,
  busy: 1,
  residentMb: 50,
  proportionalMb: 40,
  v8Mb: Number.NaN,
})

describe('a standing', () => {
  test('takes ratios within each round, so that a slow round of both sides changes nothing', () => {
    const ours = [sample(20), sample(80), sample(22)]
    const theirs = [sample(10), sample(40), sample(10)]
    expect(standing('sluice', ours, theirs)).toMatchObject({ ratio: 2, leastRatio: 2, mostRatio: 2.2 })
  })

  test('has of each figure the median of its own', () => {
    const { median: figures } = standing('sluice', [sample(1, 9), sample(2, 7), sample(3, 8)], [])
    expect(figures).toMatchObject({ cpuUs: 2, perSecond: 8, v8Mb: Number.NaN })
  })

  test('has no ratio without a reference', () => {
    expect(standing('sluice', [sample(1)], []).ratio).toBeNaN()
  })
})

test('the median of an even number of values is the mean of the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([])).toBeNaN()
})

describe("wrk's output", () => {
  test('is read from the line of our script, in microseconds', () => {
    const text =
      'Running 1h test\n  99% 3ms\nresult: requests=500 us=250000 status=2 sockets=1 p50=900 p99=1500 p999=20000\n'
    expect(wrkResult(text)).toEqual({
      requests: 500,
      perSecond: 2000,
      otherStatus: 2,
      socketErrors: 1,
      p50Ms: 0.9,
      p99Ms: 1.5,
      p999Ms: 20,
    })
  })

  test('without that line is an error that shows it', () => {
    expect(() => wrkResult('unable to connect')).toThrow('unable to connect')
  })
})
