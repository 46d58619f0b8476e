// What the origin is sent and what the client gets back. Directives whose defaults changed after nginx 1.22 are written out.

import { request } from '../harness/http_text.ts'
import { httpOrigin, type OriginAnswer } from '../harness/origin.ts'
import { parity } from '../harness/parity.ts'

const CLOSE = 'Connection: close'

const ANSWERS: Record<string, OriginAnswer> = {
  '/plain': { headers: ['Content-Type: text/plain', 'X-A: 1', 'x-b: 2', 'X-A: 3'], body: 'hello' },
  '/created': { status: 201, reason: 'Made', headers: ['Location: /made/1', 'ETag: "x"'], body: 'made' },
  '/moved': { status: 301, reason: 'Moved', headers: ['Location: http://elsewhere.test/x'], body: '' },
  '/none': { status: 204, reason: 'None' },
  '/unchanged': { status: 304, reason: 'Same', headers: ['ETag: "x"', 'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT'] },
  '/missing': { status: 404, reason: 'Nope', headers: ['Content-Type: text/html'], body: 'nope' },
  '/broken': { status: 500, reason: 'Broken', body: 'broken' },
  '/odd': { status: 299, reason: '', body: 'odd' },
  '/cookies': {
    headers: ['Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2', 'Cache-Control: no-store', 'Vary: Accept'],
    body: 'c',
  },
  '/hop': {
    headers: ['Keep-Alive: timeout=5', 'Server: origin', 'Date: never', 'X-Pad: x', 'X-Accel-Expires: 5'],
    body: 'h',
  },
  '/chunked': { headers: ['Transfer-Encoding: chunked'], body: '3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n' },
  '/high': { headers: ['X-High: caf\xe9'], body: '\x80\xff\0' },
}

parity('requests and answers through proxy_pass', {
  origin: () => httpOrigin((r) => ANSWERS[r.target] ?? `${r.method} ${r.target} ${r.body}`),
  http: `
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
      location /uri/ { proxy_pass http://127.0.0.1:%%PORT:origin%%/base/; }
      location /hidden { proxy_pass http://127.0.0.1:%%PORT:origin%%/cookies; proxy_hide_header Set-Cookie; proxy_hide_header vary; }
      location /shown { proxy_pass http://127.0.0.1:%%PORT:origin%%/hop; proxy_pass_header Server; proxy_pass_header X-Pad; }
      location /added { proxy_pass http://127.0.0.1:%%PORT:origin%%/missing; add_header X-Ok 1; add_header X-Always 2 always; }
      location /intercepted { proxy_pass http://127.0.0.1:%%PORT:origin%%/missing; proxy_intercept_errors on; error_page 404 =200 /made; }
      location /made { return 200 "made here"; }
      location /set {
        proxy_pass http://127.0.0.1:%%PORT:origin%%;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Scheme $scheme;
        proxy_set_header Accept "";
        proxy_set_header Connection "";
      }
      location /redirect/ { proxy_pass http://127.0.0.1:%%PORT:origin%%/created; proxy_redirect /made/ /redirect/; }
    }`,
  requests: [
    ...Object.keys(ANSWERS),
    ...[
      '/echo?x=1&y',
      '/a/../b//c%20d',
      '/%7euser',
      '/uri/x%20y?z',
      '/uri/a/../b',
      '/uri//x',
      '/hidden',
      '/shown',
      '/added',
    ],
    ...['/intercepted', '/redirect/', '/caf\xe9'],
    request('HEAD', '/plain', [CLOSE]),
    request('POST', '/echo', [CLOSE, 'Content-Length: 5'], 'hello'),
    request('POST', '/echo', [CLOSE, 'Transfer-Encoding: chunked'], '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    request('PUT', '/echo', [CLOSE, 'Content-Length: 0']),
    request('DELETE', '/echo', [CLOSE]),
    request('OPTIONS', '/echo', [CLOSE]),
    request('GET', '/set', [
      CLOSE,
      'Accept: */*',
      'X-Forwarded-For: 10.0.0.1',
      'Cookie: a=1',
      'Cookie: b=2',
      'X-Mixed-CASE: Kept',
    ]),
    request('GET', '/echo', [
      CLOSE,
      'Range: bytes=0-1',
      'If-None-Match: "x"',
      'If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT',
    ]),
    'GET /plain HTTP/1.0\r\n\r\n',
    'GET /chunked HTTP/1.0\r\n\r\n',
    request('GET', '/plain') + request('GET', '/chunked') + request('GET', '/none', [CLOSE]),
  ],
})

const SENT_ELSEWHERE: Record<string, OriginAnswer> = {
  '/file': {
    headers: ['X-Accel-Redirect: /files/data', 'Content-Type: application/pdf', 'Set-Cookie: a=1'],
    body: 'no',
  },
  '/typed': { headers: ['X-Accel-Redirect: /files/page.html'], body: 'no' },
  '/ranges': {
    headers: ['X-Accel-Redirect: /files/data', 'Accept-Ranges: bytes', 'ETag: "theirs"', 'X-Gone: 1', 'Expires: 0'],
    body: 'no',
  },
  '/text': {
    headers: ['X-Accel-Redirect: /says?a=b', 'Content-Type: text/x', 'Content-Disposition: inline'],
    body: 'no',
  },
  '/named': { headers: ['X-Accel-Redirect: @named', 'Content-Type: text/x'], body: 'no' },
  '/nowhere': { headers: ['X-Accel-Redirect: /files/none', 'Content-Type: text/x'], body: 'no' },
  '/refused': { status: 403, reason: 'No', headers: ['X-Accel-Redirect: /says', 'Content-Type: text/x'], body: 'no' },
}

parity('an answer that sends the request to a location of ours', {
  origin: () => httpOrigin((r) => SENT_ELSEWHERE[r.target] ?? 'none'),
  files: { 'html/files/data': 'some data\n', 'html/files/page.html': '<p>\n' },
  http: `
    types { text/html html; }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      root %%DIR%%/html;
      etag off;
      location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; proxy_http_version 1.1; proxy_set_header Connection ""; }
      location /files/ { internal; }
      location /says { internal; return 200 "$uri $args $request_method"; }
      location @named { return 200 "named $uri"; }
    }`,
  requests: [
    ...Object.keys(SENT_ELSEWHERE),
    request('HEAD', '/file', [CLOSE]),
    request('POST', '/text', [CLOSE, 'Content-Length: 2'], 'ab'),
    request('GET', '/file', [CLOSE, 'Range: bytes=2-3']),
    'GET /file HTTP/1.0\r\n\r\n',
  ],
})
