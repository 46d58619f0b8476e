// Decisions of limit_conn: codes, headers, and the very lines of the error log. A request is under way while it asks its own
// server: `/out...` holds a connection and fetches `/in...`, which is limited by the same key.

import { getOnce, request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

const LONG = 'x'.repeat(256)

const ASKED = [
  '/in?k=a',
  ...['/out?k=a', '/out2?k=a', '/out?k=', '/out?k=b', '/out?k=a'],
  ...['/free?k=a', '/inherited?k=a', '/own?k=a'],
  ...['/dry?k=d', '/drier?k=d', '/status?k=s', '/quiet?k=q', '/page?k=p'],
  ...['/pair?k=a&b=a', '/pair?k=a&b=b', '/pair?k=&b=b', '/pair?b=b'],
  ...[`/in?k=${LONG}`, `/out?k=${LONG}`, `/out?k=${LONG.slice(1)}`],
  ...['/redirected?k=r', '/nested?k=n'],
]

parity('who passes limit_conn', {
  files: {
    ...Object.fromEntries(
      ['in', 'in2', 'in-pair', 'in-dry', 'in-status', 'in-quiet', 'in-page', 'free'].map((name) => [
        `html/${name}`,
        `${name}\n`,
      ]),
    ),
    'html/busy.html': 'busy',
  },
  http: `
    root %%DIR%%/html;
    proxy_http_version 1.1;
    limit_conn_zone $arg_k zone=one:1m;
    limit_conn_zone $arg_b zone=two:32k;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      limit_conn one 1;
      add_header X-Limit $limit_conn_status always;
      location /in { limit_conn one 1; }
      location /in2 { limit_conn one 2; }
      location /in-pair { limit_conn two 1; limit_conn one 1; }
      location /in-dry { limit_conn_dry_run on; }
      location /in-status { limit_conn_status 429; }
      location /in-quiet { limit_conn_log_level warn; }
      location /in-page { error_page 503 /busy.html; }
      location /busy.html { limit_conn one 1; }
      location /free { limit_conn two 1; }

      location /out { proxy_pass http://127.0.0.1:%%PORT:front%%/in; }
      location /out2 { proxy_pass http://127.0.0.1:%%PORT:front%%/in2; }
      location /pair { proxy_pass http://127.0.0.1:%%PORT:front%%/in-pair; }
      location /dry { proxy_pass http://127.0.0.1:%%PORT:front%%/in-dry; }
      location /drier { limit_conn_dry_run on; proxy_pass http://127.0.0.1:%%PORT:front%%/dry; }
      location /status { proxy_pass http://127.0.0.1:%%PORT:front%%/in-status; }
      location /quiet { proxy_pass http://127.0.0.1:%%PORT:front%%/in-quiet; }
      location /page { proxy_pass http://127.0.0.1:%%PORT:front%%/in-page; }
      location /inherited { proxy_pass http://127.0.0.1:%%PORT:front%%/nothing; }
      location /own { limit_conn two 1; proxy_pass http://127.0.0.1:%%PORT:front%%/in; }
      location /redirected { error_page 404 = /in; }
      location /nested { limit_conn one 3; proxy_pass http://127.0.0.1:%%PORT:front%%/out2; }
    }`,
  requests: [
    ...ASKED.map((target) => getOnce(target)),
    request('HEAD', '/out?k=h', ['Connection: close']),
    request('POST', '/out?k=h', ['Connection: close', 'Content-Length: 3'], 'abc'),
    request('GET', '/in?k=pipe').repeat(3) + getOnce('/out?k=pipe'),
  ],
  logs: ['logs/error.log'],
})
