// An answer of 1 MB: nearly all of it is copying.

import type { BenchScenario } from '../scenario.ts'

export const response1m: BenchScenario = {
  name: '1 MB response',
  tells: 'a download: mostly copying',
  response: '1m',
}
