// The benchmark is seldom run; what it configures must not rot meanwhile.

import { expect, test } from 'vitest'
import { httpOf } from '../../load-tests/bench/contenders/nginx_language.ts'
import { AXES } from '../../load-tests/bench/scale/axes/index.ts'
import { SCENARIOS } from '../../load-tests/bench/scenarios/index.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { testConf } from '../harness/run.ts'

const SCENARIO_CONFS = SCENARIOS.map((scenario) => [scenario.name, httpOf(scenario)] as const)
const AXIS_CONFS = AXES.map((axis) => [axis.name, axis.http(axis.sizes.at(-1) ?? 1)] as const)

test.each([...SCENARIO_CONFS, ...AXIS_CONFS])('the configuration of "%s" is accepted', async (_, http) => {
  const { code, stderr } = await testConf(wholeConf({ http }))
  expect(stderr).not.toMatch(/\[(emerg|alert|crit|error)\]/)
  expect(code).toBe(0)
})
