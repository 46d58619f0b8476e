// Which location a request gets.

import { request } from '../harness/http_text.ts'
import { parity } from '../harness/parity.ts'

const TARGETS = [
  ...['/', '/index', '/exact', '/exact/', '/exactly', '/prefix', '/prefix/', '/prefix/a', '/prefixed', '/prefix/x.php'],
  ...['/strong/x.php', '/strong', '/x.php', '/x.PHP', '/X.Php', '/img.gif', '/img.GIF', '/nested/a', '/nested/inner/b'],
  ...['/nested/x.php', '/nested/inner/x.php', '/%65xact', '/a/../exact', '//exact', '/./exact', '/exact?x=1', '/EXACT'],
  ...[
    '/cap/42/end',
    '/cap/x/end',
    '/named/joe',
    '/with%20space',
    '/with space',
    '/longest/one/two/three',
    '/longest/one/x',
  ],
  ...[
    '/redirected',
    '/redirected?a=b',
    '/caf%c3%a9',
    '/caf%C3%A9/x',
    '/a+b',
    '/a%2Bb',
    '/a%2fb',
    '/dot.',
    '/..x',
    '/x/..',
    '/x/.',
  ],
]

parity('choice of a location', {
  http: `
    server {
      listen 127.0.0.1:%%PORT:front%%;
      server_name t.test;
      location / { return 200 "root $uri"; }
      location = /exact { return 200 "exact $uri"; }
      location /prefix { return 200 "prefix $uri"; }
      location /prefix/ { return 200 "prefix/ $uri"; }
      location ^~ /strong { return 200 "strong $uri"; }
      location ~ \\.php$ { return 200 "php $uri"; }
      location ~* \\.gif$ { return 200 "gif $uri"; }
      location /nested/ {
        location /nested/inner/ { return 200 "inner $uri"; }
        location ~ \\.php$ { return 200 "nested php $uri"; }
        return 200 "nested $uri";
      }
      location ~ ^/cap/(\\d+)/(\\w+)$ { return 200 "captures $1 $2"; }
      location ~ ^/named/(?<who>\\w+)$ { return 200 "named $who"; }
      location /with { return 200 "with $uri"; }
      location /longest/one/two/ { return 200 "longest"; }
      location /longest/one { return 200 "longer"; }
      location /redirected/ { proxy_pass http://127.0.0.1:1; }
      location /caf\xc3\xa9 { return 200 "bytes"; }
    }`,
  requests: TARGETS,
})

const to = (host: string) => request('GET', '/', [`Host: ${host}`, 'Connection: close'])

parity('choice of a server', {
  http: `
    server { listen 127.0.0.1:%%PORT:front%%; server_name _; return 200 "first"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name exact.test; return 200 "exact"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name *.wild.test; return 200 "wildcard $host"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name .both.test; return 200 "both $host"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name *.deep.wild.test; return 200 "deeper"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name www.tail.*; return 200 "tail"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name "~^re(?<n>\\d+)\\.test$"; return 200 "regex $n $server_name"; }
    server { listen 127.0.0.1:%%PORT:front%% default_server; server_name fallback; return 200 "default $host $server_name"; }
    server { listen 127.0.0.1:%%PORT:front%%; server_name ""; return 200 "empty"; }`,
  requests: [
    ...[
      'exact.test',
      'EXACT.test',
      'exact.test:99',
      'exact.test.',
      'a.wild.test',
      'b.a.wild.test',
      'wild.test',
      'x.deep.wild.test',
    ].map(to),
    ...[
      'both.test',
      'x.both.test',
      'www.tail.com',
      'www.tail.co.uk',
      're42.test',
      'rex.test',
      'nobody.test',
      '127.0.0.1',
      '[::1]',
    ].map(to),
    'GET / HTTP/1.0\r\n\r\n',
    'GET http://exact.test/ HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n',
  ],
})
