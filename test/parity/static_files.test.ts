// Files from disk: types, directories, conditions, what is missing.

import { request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

const CLOSE = 'Connection: close'

parity('static files', {
  files: {
    'html/index.html': '<p>index</p>\n',
    'html/a.txt': 'text a\n',
    'html/b.gif': 'GIF89a',
    'html/c.jpg': 'jpg',
    'html/none': 'no extension',
    'html/UPPER.HTML': 'upper',
    'html/empty.txt': '',
    'html/dir/index.html': 'dir index\n',
    'html/bare/file.txt': 'bare\n',
    'html/with space.txt': 'space\n',
    'html/other/home.htm': 'home\n',
  },
  http: `
    root %%DIR%%/html;
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      location / { }
      location /typed/ { alias %%DIR%%/html/; default_type application/x-other; types { text/x-made txt; } }
      location /other/ { index missing.htm home.htm; }
      location /headers/ { alias %%DIR%%/html/; add_header X-A "$uri"; add_header X-B b always; }
      error_page 405 /a.txt;
    }`,
  requests: [
    ...[
      '/',
      '/index.html',
      '/a.txt',
      '/b.gif',
      '/c.jpg',
      '/none',
      '/UPPER.HTML',
      '/empty.txt',
      '/dir/',
      '/dir',
      '/dir?x=1',
    ],
    ...[
      '/bare/',
      '/bare',
      '/with%20space.txt',
      '/missing',
      '/missing/',
      '/a.txt/',
      '/a.txt/x',
      '/other/',
      '/typed/a.txt',
    ],
    ...[
      '/typed/b.gif',
      '/typed/none',
      '/headers/a.txt',
      '/headers/missing',
      '/a.txt?query',
      '/dir/../a.txt',
      '/%61.txt',
    ],
    request('HEAD', '/a.txt', [CLOSE]),
    request('POST', '/a.txt', [CLOSE, 'Content-Length: 0']),
    request('DELETE', '/a.txt', [CLOSE]),
    request('GET', '/a.txt', [CLOSE, 'If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT']),
    'GET /a.txt HTTP/1.0\r\n\r\n',
  ],
  logs: ['logs/error.log'],
})
