// Two limits on one location, one by key and one for all: whichever is stricter decides, and what one refuses is not charged
// to the other.

import type { ServerProcess } from '../../test/harness/server_process.ts'
import { columns, fire } from '../fire.ts'
import { admitted, type LoadRow, type LoadScenario, QUIET } from '../scenario.ts'

const KEY_BURST = 20
const ALL_BURST = 100
const ALL_RATE = 5

async function withKeys(server: ServerProcess, run: string, count: number, seconds: number): Promise<LoadRow> {
  const targets = Array.from({ length: count }, (_, i) => `/${run}?k=${run}${i}&all=${run}`)
  const fired = await fire({ url: server.url('front'), connections: 20, seconds, targets })
  const byKey = admitted(KEY_BURST, 1, fired.seconds)
  const forAll = admitted(ALL_BURST, ALL_RATE, fired.seconds)
  const keysDecide = byKey.most * count < forAll.least
  const least = keysDecide ? byKey.least * count : forAll.least
  const most = keysDecide ? byKey.most * count : forAll.most
  const row = columns(fired)
  return {
    what: `${count} keys: ${keysDecide ? 'the keys decide' : 'the total decides'}`,
    ...row,
    expected: `${least}..${most}`,
    actual: String(row.passed),
    holds: row.passed >= least && row.passed <= most && row.errors === 0,
  }
}

export const twoZones: LoadScenario = {
  name: 'two zones at once',
  http: `
    limit_req_zone $arg_k   zone=key:10m rate=1r/s;
    limit_req_zone $arg_all zone=all:1m  rate=${ALL_RATE}r/s;
    server { listen 127.0.0.1:%%PORT:origin%%; access_log off; location / { return 200 "ok"; } }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      location / {
        limit_req zone=key burst=${KEY_BURST} nodelay;
        limit_req zone=all burst=${ALL_BURST} nodelay;
        proxy_pass http://127.0.0.1:%%PORT:origin%%;
      }
    }`,
  run: async (server, { seconds }) => [
    await withKeys(server, 'few', 3, seconds),
    await withKeys(server, 'many', 12, seconds),
  ],
}
