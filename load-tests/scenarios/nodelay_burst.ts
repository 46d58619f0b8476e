// The promise in one line: with burst=120, nodelay and 1r/s, T seconds admit 121 + floor(T), however many workers decide and
// however hard they are asked.

import { columns, fire } from '../fire.ts'
import { admitted, type LoadScenario, QUIET } from '../scenario.ts'

const BURST = 120

export const NODELAY_HTTP = `
  limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s;
  server { listen 127.0.0.1:%%PORT:origin%%; access_log off; location / { return 200 "ok"; } }
  server {
    listen 127.0.0.1:%%PORT:front%%;
    ${QUIET}
    location / {
      limit_req zone=one burst=${BURST} nodelay;
      proxy_pass http://127.0.0.1:%%PORT:origin%%;
    }
  }`

export const nodelayBurst: LoadScenario = {
  name: 'burst=120 nodelay, 1r/s',
  http: NODELAY_HTTP,
  run: async (server, { seconds }) => {
    const fired = await fire({ url: server.url('front'), connections: 20, seconds })
    const expected = admitted(BURST, 1, fired.seconds)
    const row = columns(fired)
    const holds = row.passed >= expected.least && row.passed <= expected.most && row.errors === 0
    return [
      { what: `${fired.seconds.toFixed(1)} s`, ...row, expected: expected.text, actual: String(row.passed), holds },
    ]
  },
}
