// The refusal alone, without its line in the log: the limiter and the answer.

import type { BenchScenario } from '../scenario.ts'

export const refusedUnlogged: BenchScenario = {
  name: 'refused 503, not logged',
  tells: 'the refusal alone',
  response: 'small',
  limit: 'refuses',
  logsRefusals: false,
}
