// Each request on a new connection: accept, the first head, and the close.

import type { BenchScenario } from '../scenario.ts'

export const newConnections: BenchScenario = {
  name: 'new connection per request',
  tells: 'clients without keep-alive',
  response: 'small',
  newConnections: true,
}
