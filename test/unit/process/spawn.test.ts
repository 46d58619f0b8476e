import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { workerEnvironment } from '../../../src/process/spawn.ts'
import { WORKER_ARGV0 } from '../../../src/process/title.ts'
import { respawnPause } from '../../../src/process/workers.ts'

const zone = process.env['TZ']

beforeEach(() => {
  process.env['TZ'] = 'UTC'
  process.env['SLUICE_TEST_GIVEN'] = 'given'
})
afterEach(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
  delete process.env['SLUICE_TEST_GIVEN']
})

describe('workerEnvironment', () => {
  test('is the time zone alone unless env names more', () => {
    expect(workerEnvironment([])).toEqual({ TZ: 'UTC' })
  })

  test('takes the value of env, or the caller’s', () => {
    const requests = [
      { name: 'SLUICE_TEST_GIVEN', value: undefined },
      { name: 'MISSING', value: undefined },
      { name: 'TZ', value: 'Asia/Tokyo' },
      { name: 'EMPTY', value: '' },
    ]
    expect(workerEnvironment(requests)).toEqual({ TZ: 'Asia/Tokyo', SLUICE_TEST_GIVEN: 'given', EMPTY: '' })
  })
})

describe('respawnPause', () => {
  test('the first death at once costs nothing, further ones more and more, up to a limit', () => {
    const pauses = Array.from({ length: 11 }, (_, deaths) => respawnPause(deaths))
    expect(pauses).toEqual([0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  })
})

describe('the title of a worker', () => {
  test('has room for the longest', () => {
    expect(WORKER_ARGV0.length).toBeGreaterThan('sluice: worker process is shutting down'.length)
    expect(WORKER_ARGV0).toMatch(/^sluice: worker process +$/)
  })
})
