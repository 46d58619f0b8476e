// The same request refused with 503, and both write their error_log line: what an attack costs.

import { type BenchScenario, BROWSER_HEADERS, PASS, UPSTREAM } from '../scenario.ts'

export const refused: BenchScenario = {
  name: 'refused 503, logged',
  http: `
    limit_req_zone $binary_remote_addr zone=one:10m rate=1r/m;
    ${UPSTREAM}
    server {
      listen 127.0.0.1:%%PORT:front%%;
      access_log off;
      keepalive_requests 1000000000;
      location / { limit_req zone=one; ${PASS} }
    }`,
  target: '/catalogue/item?id=42',
  headers: BROWSER_HEADERS,
  status: 503,
  logLevel: 'error',
}
