// A million clients, one request each: all pass, and the zone still knows the last of them.

import { columns, fire } from '../fire.ts'
import { type LoadScenario, QUIET } from '../scenario.ts'

const KEYS = 1_000_000
const QUICK_KEYS = 10_000
const AGAIN = 1000

export const millionKeys: LoadScenario = {
  name: 'a million keys',
  http: `
    limit_req_zone $arg_k zone=one:256m rate=1r/m;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / { root %%DIR%%/html; limit_req zone=one; }
    }`,
  files: { 'html/x': 'in' },
  run: async (server, { quick }) => {
    const keys = quick ? QUICK_KEYS : KEYS
    const url = server.url('front')
    let key = 0
    const nextTarget = () => `/x?k=client-${key++}`
    const first = columns(await fire({ url, connections: 50, amount: keys, nextTarget }))
    // They came within the last seconds, and a minute makes one request good.
    key -= AGAIN
    const again = columns(await fire({ url, connections: 50, amount: AGAIN, nextTarget }))
    return [
      {
        what: `${keys} keys`,
        ...first,
        expected: `all ${keys}`,
        actual: String(first.passed),
        holds: first.passed === keys && first.errors === 0,
      },
      {
        what: `the last ${AGAIN} again`,
        ...again,
        expected: 'none',
        actual: String(again.passed),
        holds: again.refused === AGAIN && again.errors === 0,
      },
    ]
  },
}
