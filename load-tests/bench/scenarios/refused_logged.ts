// The same request refused with 503, and its error_log line is written: what an attack costs.

import type { BenchScenario } from '../scenario.ts'

export const refusedLogged: BenchScenario = {
  name: 'refused 503, logged',
  tells: 'an attack: nearly nothing passes, and each refusal is a line in the error log',
  response: 'small',
  limit: 'refuses',
}
