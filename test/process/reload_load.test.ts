// Reload after reload under a load of all kinds: no request fails, limits stay exact, and nothing piles up. A hundred of
// them: `npm run load -- --only reloads`.

import { expect, test, vi } from 'vitest'
import { generations, holdings, reloadOnce } from '../harness/generations.ts'
import { COUNTED, MixedLoad, mixedHttp } from '../harness/mixed_load.ts'
import { startSluice } from '../harness/sluice.ts'
import { serving } from './serving.ts'

vi.setConfig({ testTimeout: 240_000 })
const WORKERS = 2

test.each([
  ['one socket', ''],
  ['a socket each', 'reuseport'],
])('fifteen reloads fail no request, and leave no descriptor (%s)', async (_, options) => {
  const sluice = await startSluice({ http: mixedHttp(options), workers: WORKERS, logLevel: 'notice' })
  await serving(sluice)
  const load = await MixedLoad.start(sluice)
  for (let round = 0; round < 5; round++) await reloadOnce(sluice)
  const before = await holdings(sluice, WORKERS)
  for (let round = 5; round < 15; round++) await reloadOnce(sluice)
  const after = await holdings(sluice, WORKERS)
  const counts = await load.stop()
  expect(counts.failures).toEqual([])
  expect(Math.min(...Object.values(counts.answers))).toBeGreaterThan(5)
  expect(after.master).toBe(before.master)
  expect(after.workerFiles).toBe(before.workerFiles)
  expect(generations(sluice)).toBe(16)
  expectExact(counts)
})

/** The limit has let through what it must, over all generations. */
function expectExact({ admitted, seconds: [least, most] }: Awaited<ReturnType<MixedLoad['stop']>>): void {
  const { burst, ratePerSecond } = COUNTED
  expect(admitted).toBeLessThanOrEqual(burst + 1 + Math.floor(ratePerSecond * most))
  expect(admitted).toBeGreaterThanOrEqual(burst + Math.floor(ratePerSecond * least))
}
