// The HTTP modules, in the order in which they act: handlers of one phase, header filters and loggers run in list order.
// Handlers of a phase are, from first to last,
//   server_rewrite, rewrite   rewrite
//   preaccess                 limit_req, limit_conn
//   access                    access
//   content                   index, static
// and header filters: headers.

import type { AnyHttpModule } from '../http/module.ts'
import { access } from './access/index.ts'
import { headers } from './headers/index.ts'
import { index } from './index/index.ts'
import { limitConn } from './limit_conn/index.ts'
import { limitReq } from './limit_req/index.ts'
import { log } from './log/index.ts'
import { map } from './map/index.ts'
import { proxy } from './proxy/index.ts'
import { remoteNet } from './remote_net.ts'
import { rewrite } from './rewrite/index.ts'
import { staticFiles } from './static/index.ts'
import { upstream } from './upstream/index.ts'

/** All modules but the core. A new module is added here, at the place where its handlers belong. */
export const HTTP_MODULES: readonly AnyHttpModule[] = [
  map,
  remoteNet,
  rewrite,
  limitReq,
  limitConn,
  access,
  index,
  staticFiles,
  upstream,
  proxy,
  headers,
  log,
]
