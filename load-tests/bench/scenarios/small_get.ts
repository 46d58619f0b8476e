// A small GET with a browser's headers: what a proxy costs when it does nothing else.

import type { BenchScenario } from '../scenario.ts'

export const smallGet: BenchScenario = {
  name: 'small GET',
  tells: 'a browser’s dozen of headers, 100 bytes of answer',
  response: 'small',
}
