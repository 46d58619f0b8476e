// A POST of 10 kB: the way of a body from the client to the origin.

import type { BenchScenario } from '../scenario.ts'

export const upload: BenchScenario = {
  name: 'POST 10 kB',
  tells: 'a form or a small upload',
  response: 'small',
  requestBytes: 10_000,
}
