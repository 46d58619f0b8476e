import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GUARDED, guardVerdict } from '../../../load-tests/bench/guard.ts'
import { PACKAGE_ROOT } from '../../harness/commands.ts'

test.each([
  ['as it was', 1.5, 'holds'],
  ['half as dear again, which a noisy machine makes of nothing', 2.25, 'holds'],
  ['twice as dear', 3, 'FAILS'],
  ['half as dear', 0.7, 'better, store it'],
  ['not measured', Number.NaN, 'FAILS'],
])('a ratio that is %s', (_, ratio, verdict) => {
  expect(guardVerdict(ratio, 1.5)).toBe(verdict)
})

test('every guarded scenario has a stored ratio, and no other', () => {
  const stored = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'load-tests/guard.json'), 'utf8')) as Record<string, number>
  expect(Object.keys(stored)).toEqual(GUARDED.map(({ name }) => name))
  for (const ratio of Object.values(stored)) expect(ratio).toBeGreaterThan(0)
})
