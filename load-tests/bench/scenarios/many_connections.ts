// A thousand busy connections: what each of them costs in time and memory.

import type { BenchScenario } from '../scenario.ts'

export const manyConnections: BenchScenario = {
  name: '1,000 connections',
  tells: 'the small GET on a thousand busy connections',
  response: 'small',
  connections: 1000,
}
