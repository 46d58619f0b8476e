// Without nodelay what is above the rate waits: a burst of 20 at 10r/s is answered one by one, 100 ms apart.

import { columns, fire } from '../fire.ts'
import { type LoadScenario, QUIET } from '../scenario.ts'

const RATE = 10
const BURST = 19
const GAP_MS = 1000 / RATE

export const delayedSpacing: LoadScenario = {
  name: 'burst=19, 10r/s, delayed',
  http: `
    limit_req_zone $binary_remote_addr zone=one:10m rate=${RATE}r/s;
    server { listen 127.0.0.1:%%PORT:origin%%; access_log off; location / { return 200 "ok"; } }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / {
        limit_req zone=one burst=${BURST};
        proxy_pass http://127.0.0.1:%%PORT:origin%%;
      }
    }`,
  run: async (server) => {
    const fired = await fire({ url: server.url('front'), connections: BURST + 1, amount: BURST + 1 })
    const row = columns(fired)
    // Each answer against its own due time: errors do not add up as they would from gap to gap.
    const first = fired.passedAtMs[0] ?? 0
    const offMs = fired.passedAtMs.map((at, i) => at - first - i * GAP_MS)
    const worst = Math.max(...offMs.map(Math.abs))
    const holds = row.passed === BURST + 1 && row.errors === 0 && worst < GAP_MS / 2
    return [
      {
        what: 'spacing',
        ...row,
        expected: `${GAP_MS} ms apart ±${GAP_MS / 2}`,
        actual: `off by ${worst.toFixed(1)} ms at most`,
        holds,
      },
    ]
  },
}
