// Decisions of limit_req: codes, headers, and the very lines of both logs. One request a minute, so that no answer depends on
// how fast the test runs; excess is compared where it is exact.

import { getOnce, request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

const ASKED = [
  ...Array<string>(3).fill('/plain?k=a'),
  ...Array<string>(5).fill('/burst?k=a'),
  ...Array<string>(4).fill('/pair?k=b&b=c'),
  ...Array<string>(12).fill('/pair?k=b&b=d'),
  ...Array<string>(3).fill('/pair?k=&b=e'),
  ...Array<string>(3).fill('/dry?k=d'),
  ...Array<string>(2).fill('/status?k=s'),
  ...Array<string>(2).fill('/page?k=p'),
  ...Array<string>(2).fill('/inherited?k=i'),
  ...Array<string>(2).fill('/inherited/own?k=i'),
  ...['/none?k=n', '/returned?k=a', '/plain', '/plain?k='],
]

parity('who passes limit_req', {
  files: {
    ...Object.fromEntries(
      ['plain', 'burst', 'pair', 'dry', 'status', 'page', 'none', 'inherited', 'own'].map((name) => [
        `html/${name}`,
        name,
      ]),
    ),
    'html/busy.html': 'busy',
    'html/inherited': 'in',
  },
  http: `
    root %%DIR%%/html;
    limit_req_zone $arg_k zone=one:1m rate=1r/m;
    limit_req_zone $arg_k zone=two:1m rate=1r/m;
    limit_req_zone $arg_b zone=three:1m rate=1r/m;
    limit_req_zone $arg_k zone=four:1m rate=1r/m;
    limit_req_zone $arg_k zone=five:1m rate=1r/m;
    log_format verdicts '$request_uri $status $limit_req_status';
    access_log %%DIR%%/logs/verdicts.log verdicts;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      add_header X-Limit $limit_req_status always;
      location /plain { limit_req zone=one; }
      location /burst { limit_req zone=two burst=2 nodelay; }
      location /pair { limit_req zone=four burst=9 nodelay; limit_req zone=three burst=2 nodelay; }
      location /dry { limit_req zone=two; limit_req_dry_run on; }
      location /status { limit_req zone=two; limit_req_status 429; limit_req_log_level notice; }
      location /page { limit_req zone=two; error_page 503 /busy.html; }
      location /busy.html { limit_req zone=two; }
      location /inherited { limit_req zone=five; location /inherited/own { limit_req zone=two burst=1 nodelay; } }
      location /returned { limit_req zone=one; return 200 free; }
      location /none { }
    }`,
  requests: [
    ...ASKED.map((target) => getOnce(target)),
    request('HEAD', '/plain?k=h', ['Connection: close']),
    request('HEAD', '/plain?k=h', ['Connection: close']),
    request('GET', '/plain?k=pipe').repeat(3) + getOnce('/plain?k=pipe'),
  ],
  logs: ['logs/error.log', 'logs/verdicts.log'],
})
