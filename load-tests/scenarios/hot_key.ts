// One key that everybody asks for, at a rate at which the workers meet in its bucket all the time.

import { columns, fire } from '../fire.ts'
import { admitted, type LoadScenario, QUIET } from '../scenario.ts'

const RATE = 500
/** A second's worth: a load that stalls for less loses nothing. */
const BURST = 500

export const hotKey: LoadScenario = {
  name: `a hot key, ${RATE}r/s`,
  http: `
    limit_req_zone $host zone=one:1m rate=${RATE}r/s;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / { root %%DIR%%/html; limit_req zone=one burst=${BURST} nodelay; }
    }`,
  files: { 'html/x': 'in' },
  run: async (server, { seconds }) => {
    const fired = await fire({ url: server.url('front', '/x'), connections: 64, seconds })
    const row = columns(fired)
    const expected = admitted(BURST, RATE, fired.seconds, fired.max / 1000)
    const holds = row.passed >= expected.least && row.passed <= expected.most && row.errors === 0
    return [{ what: '64 connections', ...row, expected: expected.text, actual: String(row.passed), holds }]
  },
}
