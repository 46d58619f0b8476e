// The small GET with one access log line each.

import type { BenchScenario } from '../scenario.ts'

export const accessLog: BenchScenario = {
  name: 'access log on',
  tells: 'the small GET and a line in the access log',
  response: 'small',
  accessLog: true,
}
