// A zone that is much too small: newcomers push each other out and all pass, and the one in debt is not forgotten for them.

import { columns, fire } from '../fire.ts'
import { admitted, type LoadScenario, QUIET } from '../scenario.ts'

const BURST = 50

export const zoneFull: LoadScenario = {
  name: 'a zone that is full',
  http: `
    limit_req_zone $arg_k zone=one:32k rate=1r/s;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / { root %%DIR%%/html; limit_req zone=one burst=${BURST} nodelay; }
    }`,
  files: { 'html/x': 'in' },
  run: async (server, { seconds }) => {
    let key = 0
    const [greedy, newcomers] = await Promise.all([
      fire({ url: server.url('front', '/x?k=greedy'), connections: 10, seconds }),
      fire({ url: server.url('front'), connections: 20, seconds, nextTarget: () => `/x?k=newcomer-${key++}` }),
    ])
    const inDebt = columns(greedy)
    const others = columns(newcomers)
    const expected = admitted(BURST, 1, greedy.seconds)
    return [
      {
        what: 'the one in debt',
        ...inDebt,
        expected: expected.text,
        actual: String(inDebt.passed),
        holds: inDebt.passed >= expected.least && inDebt.passed <= expected.most && inDebt.errors === 0,
      },
      {
        what: 'newcomers',
        ...others,
        expected: `all ${others.requests}`,
        actual: String(others.passed),
        holds: others.passed === others.requests && others.errors === 0,
      },
    ]
  },
}
