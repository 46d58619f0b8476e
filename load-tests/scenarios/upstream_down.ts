// An origin that refuses connections changes no count: what a limit admits is answered with 502, or by the group's other
// server if there is one.

import type { ServerProcess } from '../../test/harness/server_process.ts'
import { columns, fire } from '../fire.ts'
import { admitted, type LoadRow, type LoadScenario, QUIET } from '../scenario.ts'

const BURST = 50

async function through(server: ServerProcess, location: string, status: number, seconds: number): Promise<LoadRow> {
  const fired = await fire({ url: server.url('front', location), connections: 20, seconds })
  const row = columns(fired)
  const admittedCount = fired.statuses.get(status) ?? 0
  const expected = admitted(BURST, 1, fired.seconds)
  const others = row.requests - admittedCount - row.refused
  const holds = admittedCount >= expected.least && admittedCount <= expected.most && others === 0 && row.errors === 0
  return {
    what: '',
    ...row,
    expected: `${expected.text} × ${status}`,
    actual: `${admittedCount}, ${others} other`,
    holds,
  }
}

export const upstreamDown: LoadScenario = {
  name: 'an origin is down',
  http: `
    limit_req_zone $uri zone=one:1m rate=1r/s;
    upstream half { server 127.0.0.1:%%PORT:nobody%% fail_timeout=1s; server 127.0.0.1:%%PORT:origin%%; }
    server { listen 127.0.0.1:%%PORT:origin%%; access_log off; location / { return 200 "ok"; } }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      limit_req zone=one burst=${BURST} nodelay;
      location /all { proxy_pass http://127.0.0.1:%%PORT:nobody%%; }
      location /half { proxy_pass http://half; }
    }`,
  run: async (server, { seconds }) => [
    { ...(await through(server, '/all', 502, seconds)), what: 'all of it' },
    { ...(await through(server, '/half', 200, seconds)), what: 'one server of two' },
  ],
}
