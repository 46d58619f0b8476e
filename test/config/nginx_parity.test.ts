// The same bad configuration to nginx -t and to ours: the message must be the same, to the byte. The directives are
// nginx's own; sample_owners.ts declares those of http that are needed here.

import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findPeer } from '../harness/peers.ts'
import { inFolder, MAIN_FILE, type Outcome, readAndCheck } from './conftest.ts'

const NGINX = findPeer('nginx')
/** A run of nginx takes some 10 ms. */
const RANDOM_RUNS = 60
const EUID = process.geteuid?.() ?? 0

type Told = Pick<Outcome, 'error' | 'warnings'>

/** What `nginx -t` says of main.conf in `dir`. */
function askNginx(dir: string, globals: string | undefined): Told {
  const args = ['-t', '-e', 'stderr', '-p', `${dir}/`, '-c', `${dir}/${MAIN_FILE}`]
  if (globals !== undefined) args.push('-g', globals)
  const { stderr } = spawnSync(NGINX ?? '', args, { encoding: 'latin1' })
  const messages = stderr
    .split(/^(?=\d{4}\/\d\d\/\d\d \S+ \[|nginx: )/m)
    .map((line) => /^\S+ \S+ \[(\w+)\] \d+#\d+: (.*)\n$/s.exec(line) ?? [])
    .map(([, level = '', text = '']) => ({ level, text: text.replaceAll(dir, '%%DIR%%') }))
    // What an ordinary user may not do is found after the configuration has been read.
    .filter(({ text }) => !text.endsWith('(13: Permission denied)'))
  return {
    error: messages.find(({ level }) => level === 'emerg' || level === 'crit')?.text,
    warnings: messages.filter(({ level }) => level === 'warn').map(({ text }) => text),
  }
}

interface Both {
  readonly ours: Told
  readonly nginx: Told
}

function askBoth(
  text: string,
  { files = {}, globals }: { files?: Record<string, string>; globals?: string } = {},
): Both {
  return inFolder(new Map(Object.entries({ ...files, [MAIN_FILE]: text })), (dir) => {
    const { error, warnings } = readAndCheck(dir, globals, { euid: EUID })
    return { ours: { error, warnings }, nginx: askNginx(dir, globals) }
  })
}

const http = (body: string): string => `events { }\nhttp {\n${body}\n}\n`
const LONG = 'x'.repeat(5000)

const BAD: readonly string[] = [
  // lexer
  ';',
  '{',
  '}',
  'events { }\n}',
  'events { } foo }',
  'events { } "foo"bar;',
  'events { } "foo"};',
  'events { } "foo")\n;',
  'events { } "";',
  'events { } foo',
  'events { } foo\n"bar',
  'events { } foo\\',
  'events { } foo # bar;',
  'events { } "a\\"b\\\\c\\n\\.";',
  'events { } ${a}b;',
  'events { } $a{b;',
  'events { } a\\{b\\;c;',
  `events { }\n"${LONG}";`,
  `events { }\n'${LONG}';`,
  `events { }\n\n${LONG};`,
  `events { }\n#${LONG}\n`,
  `events { } a ${LONG.slice(0, 4095)};`,
  `events { } a "${LONG.slice(0, 4095)}";`,
  // dispatch
  'events { } unknown_directive on;',
  'events { }\nunknown_directive\non\n;',
  'events { } unknown_directive { }',
  'events;',
  'events { } events { }',
  'events on { }',
  'events { daemon on; }',
  'events { } daemon on {',
  'events { } daemon on off;',
  'events { } daemon;',
  'events { } include;',
  'events { } include a b;',
  'events { } include a { }',
  'events { } include none;',
  'events { } include *.none; daemon x;',
  'events { } include .;',
  'server { }',
  http('location / { }'),
  http('server { location { } }'),
  http('sendfile on { }'),
  http('server;'),
  http('server {'),
  // slots
  http('sendfile yes;'),
  http('sendfile on; sendfile x;'),
  http('keepalive_requests 1k;'),
  http('keepalive_requests "";'),
  http('keepalive_requests -1;'),
  http('keepalive_requests 9223372036854775808;'),
  http('client_max_body_size 1t;'),
  http('client_max_body_size k;'),
  http('client_header_buffer_size 1g;'),
  http('send_timeout 1y;'),
  http('send_timeout 1m1h;'),
  http('send_timeout "";'),
  http('send_timeout "1 30m";'),
  http('send_timeout 1s; send_timeout x;'),
  http('output_buffers 0 1k;'),
  http('output_buffers 1 0;'),
  http('output_buffers 1;'),
  http('proxy_store_access user:x;'),
  http('proxy_store_access rw;'),
  http('limit_req_status 399;'),
  http('limit_req_status x;'),
  http('limit_req_log_level debug;'),
  http('proxy_next_upstream error what;'),
  http('default_type a;\ndefault_type b;'),
  http('types;'),
  http('types { include; }'),
  http('types { include a b; }'),
  http('types { include none; }'),
  http('types { a { } }'),
  http('types { a b;'),
  // core
  'events { } worker_processes -1;',
  'events { } worker_processes 1; worker_processes 2;',
  'events { } worker_priority --1;',
  'events { } worker_priority +;',
  'events { } worker_priority 0; worker_priority 5; worker_priority 6;',
  'events { } worker_cpu_affinity 1x1;',
  'events { } worker_cpu_affinity auto 1 1;',
  'events { } worker_cpu_affinity 1; worker_cpu_affinity 1;',
  'events { } worker_cpu_affinity 1 1 1; worker_processes 2;',
  `events { } worker_cpu_affinity ${'0'.repeat(1025)};`,
  'events { } worker_rlimit_nofile x;',
  'events { } worker_rlimit_core 1x;',
  'events { } worker_shutdown_timeout x;',
  'events { } timer_resolution 1x;',
  'events { } debug_points go;',
  'events { } pcre_jit maybe;',
  'events { } pid a; pid b;',
  'events { } lock_file a; lock_file b;',
  'events { } working_directory a; working_directory b;',
  'events { } env;',
  'events { } user root root root;',
  'events { } user no_such_user;',
  'events { } user root no_such_group;',
  '',
  'daemon on;',
  // events
  'events { worker_connections x; }',
  'events { worker_connections 0; }',
  'events { worker_connections 1; worker_connections 2; }',
  'events { use no_such_method; }',
  'events { use epoll; use epoll; }',
  'events { multi_accept 1; }',
  'events { accept_mutex_delay x; }',
  'events { debug_connection 1.1.1.1/99; }',
  'worker_connections 1;',
  // error_log
  'events { } error_log;',
  'events { } error_log stderr loud;',
  'events { } error_log stderr ERROR;',
  'events { } error_log stderr info info;',
  'events { } error_log stderr debug debug_http;',
  'events { } error_log stderr debug_http debug;',
  'events { } error_log stderr debug_http info;',
  'events { } error_log syslog:;',
  'events { } error_log syslog:tag=a;',
  'events { } error_log syslog:server=;',
  'events { } error_log syslog:server=unix:;',
  'events { } error_log syslog:server=127.0.0.1,server=127.0.0.1;',
  'events { } error_log syslog:server=127.0.0.1,facility=none;',
  'events { } error_log syslog:server=127.0.0.1,severity=none;',
  'events { } error_log syslog:server=127.0.0.1,tag=a-b;',
  'events { } error_log syslog:server=127.0.0.1,tag=a_b,tag=c;',
  `events { } error_log syslog:server=127.0.0.1,tag=${LONG.slice(0, 33)};`,
  // zones
  http('limit_req_zone $uri zone=a:1m rate=1r/s;\nlimit_conn_zone $uri zone=a:1m;'),
  http('limit_conn_zone $uri zone=a:1m;\nlimit_conn_zone $uri zone=a:2m;'),
  http('limit_req zone=none;'),
  // a message beyond its limit
  `events { } ${LONG.slice(0, 2000)};`,
  `events { } include ${LONG.slice(0, 2000)};`,
]

/** Accepted by both, with the same warnings. */
const GOOD: readonly string[] = [
  'events { }',
  'events { debug_connection 10.0.0.1/8; debug_connection unix:; debug_connection ::1/64; }',
  'events { } worker_cpu_affinity 1 1 1; worker_processes 2;',
  'events { } worker_processes 0; worker_priority 0; worker_priority -1; debug_points STOP;',
  'events { } error_log stderr; error_log stderr debug_http debug_core; error_log "";',
  http('send_timeout "1h 30m"; client_max_body_size 8589934591g; default_type "";'),
  http('proxy_next_upstream error error timeout;'),
  http('types { a b; "c d" e; } types { }'),
]

describe.skipIf(NGINX === undefined)('nginx says the same', () => {
  it.each(BAD)('of %j', (text) => {
    const { ours, nginx } = askBoth(text)
    expect(ours).toEqual(nginx)
    expect(ours.error ?? ours.warnings[0]).toBeDefined()
  })

  it.each(GOOD)('of %j, which is fine', (text) => {
    const { ours, nginx } = askBoth(text)
    expect(ours).toEqual(nginx)
    expect(ours.error).toBeUndefined()
  })

  it.each(['daemon off', 'events { }', '}', 'x y;', '"daemon"off;', ';', 'daemon off; # comment', `env ${LONG};`])(
    'of -g %j',
    (globals) => {
      const { ours, nginx } = askBoth('events { }', { globals })
      expect(ours).toEqual(nginx)
    },
  )

  it.each<Record<string, string>>([
    { 'a.inc': 'daemon on;\n\ndaemon x;' },
    { 'a.inc': '}' },
    { 'a.inc': 'http {' },
    { 'a.inc': 'foo' },
    { 'b.inc': 'bad_b;', 'a.inc': 'bad_a;' },
    { 'B.inc': 'bad_B;', 'a.inc': 'bad_a;' },
    { '.a.inc': 'bad;' },
    { 'a.inc': 'include sub/[!a]?.inc;', 'sub/ax.inc': 'bad_ax;', 'sub/bx.inc': 'bad_bx;' },
    { 'a.inc': 'include sub/*/x.inc;', 'sub/b/x.inc': 'bad_bx;', 'sub/c/x.inc': 'bad_cx;' },
  ])('of the included files %j', (files) => {
    const { ours, nginx } = askBoth('events { }\ninclude *.inc;\n', { files })
    expect(ours).toEqual(nginx)
  })

  const soup = fc
    .array(fc.constantFrom(...'ab;{}"\'\\$#) \n\t', '${', ' "', '\\"', '\xe4', '=', '"\n', "';"), { maxLength: 25 })
    .map((pieces) => pieces.join(''))

  it.each([
    ['words of a directive', (text: string) => `events { }\nerror_log stderr a${text}`],
    ['directives', (text: string) => `events { }\n${text}`],
    ['lines of a block', (text: string) => `events { }\nhttp { types { ${text}\n} }`],
    ['-g text', undefined],
  ])(
    'of random %s',
    (_name, wrap) => {
      fc.assert(
        fc.property(soup, (text) => {
          // The command line is decoded from UTF-8: bytes above 127 would not arrive as they are here.
          const { ours, nginx } =
            wrap === undefined ? askBoth('events { }', { globals: text.replaceAll('\xe4', '') }) : askBoth(wrap(text))
          // Duplicate types are a warning of the real `types`.
          expect(ours.error).toBe(nginx.error)
        }),
        { numRuns: RANDOM_RUNS },
      )
    },
    60_000,
  )
})
