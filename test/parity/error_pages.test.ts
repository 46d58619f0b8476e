// Special responses: built-in pages, error_page in all its forms, and malformed requests.

import { request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

const CODES = [
  301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 421, 429,
]
const SERVER_CODES = [500, 501, 502, 503, 504, 505, 507]
const OTHER_CODES = [300, 305, 417, 418, 422, 451, 499, 506, 511, 599]

const ALL = [...CODES, ...SERVER_CODES, ...OTHER_CODES]

parity('built-in pages of every code', {
  http: `
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      ${ALL.map((code) => `location = /${code} { return ${code}; }`).join('\n')}
    }`,
  requests: [
    ...ALL.map((code) => `/${code}`),
    request('GET', '/404', ['User-Agent: Chrome/1', 'Connection: close']),
    request('GET', '/404', ['User-Agent: Mozilla/4.0 (compatible; MSIE 9.0; X)', 'Connection: close']),
    request('GET', '/302', ['User-Agent: Mozilla/4.0 (compatible; MSIE 9.0; X)', 'Connection: close']),
    request('HEAD', '/500', ['Connection: close']),
    'GET /404 HTTP/1.0\r\n\r\n',
  ],
})

parity('error_page', {
  files: { 'html/404.html': 'not here\n', 'html/50x.html': 'broken\n' },
  http: `
    root %%DIR%%/html;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      error_page 404 /404.html;
      error_page 500 502 503 504 /50x.html;
      error_page 403 =404 /404.html;
      error_page 402 = /made;
      error_page 410 =200 /made;
      error_page 409 @named;
      error_page 411 =444 @named;
      error_page 412 http://other.test/;
      error_page 413 =301 http://other.test/;
      error_page 414 /missing-page;
      error_page 415 /416;
      error_page 416 /made;
      location /made { return 202 "made $request_method $uri $args"; }
      location /made-args { error_page 404 /made?from=$uri; return 404; }
      location @named { return 203 "named $uri"; }
      location /inner { error_page 500 /made; location /inner/404 { return 404; } location /inner/500 { return 500; } }
      ${[402, 403, 404, 409, 410, 411, 412, 413, 414, 415, 416, 500, 503].map((code) => `location = /${code} { return ${code}; }`).join('\n')}
    }`,
  requests: [
    ...[402, 403, 404, 409, 410, 411, 412, 413, 414, 415, 416, 500, 503].map((code) => `/${code}`),
    ...['/nothing', '/made-args', '/inner/404', '/inner/500', '/404.html'],
    request('POST', '/402', ['Connection: close', 'Content-Length: 3'], 'abc'),
    request('HEAD', '/402', ['Connection: close']),
  ],
})

parity('malformed requests', {
  http: 'server { listen 127.0.0.1:%%PORT:front%%; server_name t.test; location / { return 200 ok; } }',
  requests: [
    'get / HTTP/1.1\r\nHost: t\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/2.0\r\nHost: t\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: \r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na',
    'GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nX-A : b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\n folded\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: t\r\nX\0: b\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: t\r\n\r\n',
    'GET /../ HTTP/1.1\r\nHost: t\r\n\r\n',
    `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: t\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: t\r\nX-Long: ${'a'.repeat(9000)}\r\n\r\n`,
    'TRACE / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n',
    'GET /old\r\n',
    '\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n',
    'garbage\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ],
  logs: ['logs/error.log', 'logs/access.log'],
})
