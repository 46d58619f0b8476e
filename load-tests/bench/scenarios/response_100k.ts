// An answer of 100 kB: an image or a bundle of scripts.

import type { BenchScenario } from '../scenario.ts'

export const response100k: BenchScenario = {
  name: '100 kB response',
  tells: 'an image, a bundle of scripts',
  response: '100k',
}
