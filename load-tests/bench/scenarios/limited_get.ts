// A small GET with a browser's headers that a limit lets pass: the everyday request.

import { type BenchScenario, BROWSER_HEADERS, PASS, UPSTREAM } from '../scenario.ts'

export const limitedGet: BenchScenario = {
  name: 'small GET, limit passes',
  http: `
    limit_req_zone $binary_remote_addr zone=one:10m rate=1000000r/s;
    ${UPSTREAM}
    server {
      listen 127.0.0.1:%%PORT:front%%;
      access_log off;
      keepalive_requests 1000000000;
      location / { limit_req zone=one burst=1000000 nodelay; ${PASS} }
    }`,
  target: '/catalogue/item?id=42',
  headers: BROWSER_HEADERS,
  status: 200,
  logLevel: 'error',
}
