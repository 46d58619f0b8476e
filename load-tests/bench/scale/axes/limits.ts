// Limits of one location, each with a zone of its own; all of them pass.

import { type Axis, frontServer, lines } from '../axis.ts'

export const limits: Axis = {
  name: 'limits',
  sizes: [0, 1, 2, 4, 8],
  files: { 'html/x': 'ok' },
  http: (size) => `
    ${lines(size, (i) => `limit_req_zone $binary_remote_addr zone=z${i}:1m rate=1000000r/s;`)}
    ${frontServer(`root %%DIR%%/html; ${lines(size, (i) => `limit_req zone=z${i} burst=1000000 nodelay;`)}`)}`,
  load: () => ({ target: '/x' }),
}
