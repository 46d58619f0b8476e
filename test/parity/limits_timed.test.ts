// Time in limit_req: what drains between two requests, to the thousandth of a request, at rates a second and a minute.

import { timedParity } from '../harness/timed_parity.ts'

/** The same pauses in every run: mostly short, some none, a few long enough for the bucket to empty. */
function gaps(count: number, mostMs: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2147483648
    const share = state / 2147483648
    return share < 0.3 ? 0 : Math.floor(share * share * mostMs)
  })
}

timedParity(
  'what drains between two requests',
  `
    root %%DIR%%/html;
    limit_req_zone $arg_k zone=second:1m rate=20r/s;
    limit_req_zone $arg_k zone=slow:1m rate=2r/s;
    limit_req_zone $arg_k zone=minute:1m rate=100r/m;
    limit_req_zone $arg_k zone=waits:1m rate=4r/s;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      add_header X-Limit $limit_req_status always;
      location /second { limit_req zone=second burst=2; limit_req_dry_run on; }
      location /slow { limit_req zone=slow; }
      location /minute { limit_req zone=minute burst=3; limit_req_dry_run on; }
      location /waits { limit_req zone=waits burst=2; }
    }`,
  [
    { location: '/second', rate: 20_000, burst: 2000, dryRun: true, gaps: gaps(60, 150, 1) },
    { location: '/slow', rate: 2000, burst: 0, dryRun: false, gaps: gaps(25, 700, 2) },
    { location: '/minute', rate: 1666, burst: 3000, dryRun: true, gaps: gaps(25, 900, 3) },
    { location: '/waits', rate: 4000, burst: 2000, dryRun: false, gaps: gaps(20, 500, 4) },
  ],
)
