// A small GET with a browser's headers that a limit lets pass: the everyday request.

import type { BenchScenario } from '../scenario.ts'

export const limitedGet: BenchScenario = {
  name: 'small GET, limit passes',
  tells: 'the same with a limit by client address that lets all pass',
  response: 'small',
  limit: 'passes',
}
