// Keys do not disturb each other: ten of them under one load get exactly their own share each.

import { columns, fire } from '../fire.ts'
import { admitted, type LoadScenario, QUIET } from '../scenario.ts'

const KEYS = 10
const BURST = 10

export const independentKeys: LoadScenario = {
  name: 'ten keys, burst=10 nodelay',
  http: `
    limit_req_zone $arg_k zone=one:10m rate=1r/s;
    server { listen 127.0.0.1:%%PORT:origin%%; access_log off; location / { return 200 "ok"; } }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / {
        limit_req zone=one burst=${BURST} nodelay;
        proxy_pass http://127.0.0.1:%%PORT:origin%%;
      }
    }`,
  run: async (server, { seconds }) => {
    const passed = new Map<string, number>()
    const fired = await fire({
      url: server.url('front'),
      connections: 20,
      seconds,
      targets: Array.from({ length: KEYS }, (_, i) => `/?k=${i}`),
      onAnswer: (status, target) => {
        if (status === 200) passed.set(target, (passed.get(target) ?? 0) + 1)
      },
    })
    const row = columns(fired)
    const expected = admitted(BURST, 1, fired.seconds)
    const counts = [...passed.values()].sort((a, b) => a - b)
    const [least = 0, most = 0] = [counts.at(0), counts.at(-1)]
    const holds = counts.length === KEYS && least >= expected.least && most <= expected.most && row.errors === 0
    return [{ what: 'each key', ...row, expected: expected.text, actual: `${least}..${most}`, holds }]
  },
}
