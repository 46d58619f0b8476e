// What the proxy directives accept and how they refuse the rest.

import { describe, expect, test } from 'vitest'
import { errorOf } from '../serve.ts'

function inLocation(directives: string): string {
  return `server { location / { proxy_pass http://127.0.0.1:81; ${directives} } }`
}

describe('proxy_pass', () => {
  const noUriPart =
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, ' +
    'or inside "if" statement, or inside "limit_except" block'

  test.each([
    ['location / { proxy_pass 127.0.0.1; }', 'invalid URL prefix'],
    ['location / { proxy_pass ftp://127.0.0.1; }', 'invalid URL prefix'],
    ['location / { proxy_pass http://; }', 'no host in upstream ""'],
    ['location / { proxy_pass http:///x; }', 'no host in upstream "/x"'],
    ['location / { proxy_pass http://127.0.0.1:x; }', 'invalid port in upstream "127.0.0.1:x"'],
    ['location / { proxy_pass http://h; proxy_pass http://h; }', '"proxy_pass" directive is duplicate'],
    ['location ~ x { proxy_pass http://127.0.0.1/; }', noUriPart],
    ['location @x { proxy_pass http://127.0.0.1/x; }', noUriPart],
    ['proxy_pass http://127.0.0.1;', '"proxy_pass" directive is not allowed here'],
  ])('%s', (body, message) => {
    expect(errorOf(`server { ${body} }`)).toBe(message)
  })

  test('takes URLs of every form', () => {
    const urls = [
      'http://127.0.0.1',
      'HTTP://localhost:81/x?y',
      'https://[::1]:443/',
      'http://unix:/tmp/socket',
      'http://unix:/tmp/socket:/uri/',
      'http://$host:$server_port/x',
      'http://127.0.0.1?x',
    ]
    for (const url of urls) expect(errorOf(`server { location / { proxy_pass ${url}; } }`)).toBe('')
  })

  test('may be without URI part in regex and named locations', () => {
    expect(
      errorOf('server { location ~ x { proxy_pass http://127.0.0.1; } location @n { proxy_pass http://127.0.0.1; } }'),
    ).toBe('')
  })
})

describe('other directives', () => {
  test.each([
    ['proxy_http_version 3;', 'invalid value "3"'],
    ['proxy_next_upstream error nonsense;', 'invalid value "nonsense"'],
    ['proxy_redirect nonsense;', 'invalid parameter "nonsense"'],
    ['proxy_redirect off; proxy_redirect a b;', '"proxy_redirect" directive is duplicate'],
    ['proxy_redirect ~ b;', 'empty regex in "proxy_redirect" directive'],
    ['proxy_bind 1.2.3;', 'invalid address "1.2.3"'],
    ['proxy_bind 127.0.0.1 transparent;', 'parameter "transparent" is not supported yet'],
    ['proxy_cookie_flags a nonsense;', 'invalid parameter "nonsense"'],
    ['proxy_cookie_path nonsense;', 'invalid parameter "nonsense"'],
    ['proxy_cookie_domain off; proxy_cookie_domain a b;', '"proxy_cookie_domain" directive is duplicate'],
    ['proxy_method GET; proxy_method GET;', '"proxy_method" directive is duplicate'],
    ['proxy_set_header X-A;', 'invalid number of arguments in "proxy_set_header" directive'],
    ['proxy_ignore_headers nonsense;', 'invalid value "nonsense"'],
    ['proxy_buffers 1 4k;', 'there must be at least 2 "proxy_buffers"'],
    ['proxy_buffers 0 4k;', '"proxy_buffers" directive invalid value'],
    [
      'proxy_buffers 2 4k; proxy_buffer_size 8k;',
      '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
    ],
    [
      'proxy_busy_buffers_size 2k;',
      '"proxy_busy_buffers_size" must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"',
    ],
    [
      'proxy_temp_file_write_size 1k;',
      '"proxy_temp_file_write_size" must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"',
    ],
    [
      'proxy_max_temp_file_size 1k;',
      '"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"',
    ],
    ['proxy_pass_trailers on;', '"proxy_pass_trailers on" is not supported yet'],
    ['proxy_limit_rate quick;', '"proxy_limit_rate" directive invalid value'],
    ['limit_rate quick;', '"limit_rate" directive invalid value'],
    ['limit_rate 1k; limit_rate 2k;', '"limit_rate" directive is duplicate'],
    ['proxy_store on;', '"proxy_store on" is not supported yet'],
    ['proxy_ssl_verify on;', '"proxy_ssl_verify on" is not supported yet'],
    ['proxy_ssl_certificate x;', '"proxy_ssl_certificate" is not supported yet'],
    ['proxy_cache one;', '"proxy_cache one" is not supported yet'],
  ])('%s', (directives, message) => {
    expect(errorOf(inLocation(directives))).toBe(message)
  })

  test('what suites and common configurations set is accepted', () => {
    expect(
      errorOf(
        inLocation(`
          proxy_http_version 1.1; proxy_method $request_method; proxy_set_header Host $host;
          proxy_set_body "x$uri"; proxy_pass_request_headers off; proxy_pass_request_body off;
          proxy_buffering off; proxy_request_buffering off; proxy_buffer_size 4k; proxy_buffers 8 4k;
          proxy_busy_buffers_size 8k; proxy_max_temp_file_size 0; proxy_temp_file_write_size 8k;
          proxy_temp_path /tmp/proxy 1 2 3; proxy_connect_timeout 1s; proxy_send_timeout 1m; proxy_read_timeout 90;
          proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404
            http_429 non_idempotent;
          proxy_next_upstream_tries 3; proxy_next_upstream_timeout 5s;
          proxy_intercept_errors on; proxy_ignore_client_abort on; proxy_hide_header X-A; proxy_pass_header Server;
          proxy_ignore_headers X-Accel-Redirect Expires Cache-Control Set-Cookie Vary; proxy_redirect default;
          proxy_redirect http://a/ /b/; proxy_redirect ~^x(.*) /$1; proxy_cookie_domain a b; proxy_cookie_path /a /b;
          proxy_cookie_flags a secure samesite=lax; proxy_bind off; proxy_socket_keepalive on;
          proxy_headers_hash_max_size 1024; proxy_headers_hash_bucket_size 128; proxy_pass_trailers off;
          proxy_ssl_server_name on; proxy_ssl_name x; proxy_ssl_verify off; proxy_store off; proxy_cache off;`),
      ),
    ).toBe('')
  })

  test('proxy_redirect default needs a proxy_pass without variables before it', () => {
    expect(errorOf('server { location / { proxy_redirect default; proxy_pass http://127.0.0.1; } }')).toBe(
      '"proxy_redirect default" should be placed after the "proxy_pass" directive',
    )
    expect(errorOf('server { location / { proxy_pass http://$host; proxy_redirect default; } }')).toBe(
      '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
    )
  })
})
