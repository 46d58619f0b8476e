// Answers that nginx makes up itself: `return` in all its forms.

import { request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

parity('return with codes, texts and addresses', {
  http: `
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      location = /text { return 200 "hello $request_method"; }
      location = /type { default_type application/json; return 200 '{"a":1}'; }
      location = /empty { return 200; }
      location = /none { return 204; }
      location = /none-text { return 204 "ignored"; }
      location = /moved { return 301 /there?x=1; }
      location = /found { return 302 http://other.test/; }
      location = /see { return 303 /see-other; }
      location = /keep { return 307 /keep-method; }
      location = /forever { return 308 /for-ever; }
      location = /url { return http://other.test/url; }
      location = /forbidden { return 403; }
      location = /gone { return 410 "gone for good"; }
      location = /teapot { return 418; }
      location = /teapot-text { return 418 "short and stout"; }
      location = /odd { return 299 "odd"; }
      location = /limited { return 429; }
      location = /busy { return 503; }
      location = /server-error { return 500; }
      location = /storage { return 507; }
      location = /close { return 444; }
    }`,
  requests: [
    ...['/text', '/type', '/empty', '/none', '/none-text', '/moved', '/found', '/see', '/keep', '/forever', '/url'],
    ...['/forbidden', '/gone', '/teapot', '/teapot-text', '/odd', '/limited', '/busy', '/server-error', '/storage'],
    '/close',
    request('HEAD', '/text', ['Connection: close']),
    request('HEAD', '/forbidden', ['Connection: close']),
    request('POST', '/text', ['Connection: close', 'Content-Length: 3'], 'abc'),
    'GET /text HTTP/1.0\r\n\r\n',
    'GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /none HTTP/1.0\r\n\r\n',
    'GET /moved HTTP/1.1\r\nHost: UPPER.test:8080\r\nConnection: close\r\n\r\n',
  ],
})
