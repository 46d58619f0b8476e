// All scenarios, in the order of the report. A new one is a file here and its line below.

import type { BenchScenario } from '../scenario.ts'
import { accessLog } from './access_log.ts'
import { limitedGet } from './limited_get.ts'
import { manyConnections } from './many_connections.ts'
import { newConnections } from './new_connections.ts'
import { refusedLogged } from './refused_logged.ts'
import { refusedUnlogged } from './refused_unlogged.ts'
import { response1m } from './response_1m.ts'
import { response100k } from './response_100k.ts'
import { smallGet } from './small_get.ts'
import { upload } from './upload.ts'

export const SCENARIOS: readonly BenchScenario[] = [
  smallGet,
  limitedGet,
  refusedLogged,
  refusedUnlogged,
  upload,
  response100k,
  response1m,
  manyConnections,
  accessLog,
  newConnections,
]
