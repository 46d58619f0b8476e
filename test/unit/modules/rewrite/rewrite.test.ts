// return, set, break, rewrite and if as a client sees them.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { errorOf, makeTempDir, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

function rewriting(body: string): Served {
  served = serve(`server { listen 127.0.0.1:8080; absolute_redirect off; ${body} }`)
  return served
}

/** What the client gets back of its URI: normalised path and arguments. */
const SHOW = 'location /show { return 200 "$uri?$args"; }'

describe('return', () => {
  it('sends a text with the type of the extension', async () => {
    const { get } = rewriting('location / { default_type text/x; return 200 "hello $arg_name"; }')
    const plain = await get('/?name=you')
    expect([plain.status, plain.header('Content-Type'), plain.body]).toEqual([200, 'text/x', 'hello you'])
    expect((await get('/page.html')).header('Content-Type')).toBe('text/html')
  })

  it('sends an empty body without a text, and none to HEAD', async () => {
    const { get, request } = rewriting('location / { return 200; } location /text { return 404 text; }')
    const empty = await get('/')
    expect([empty.status, empty.header('Content-Length'), empty.body]).toEqual([200, '0', ''])
    const head = await request('HEAD', '/text')
    expect([head.status, head.header('Content-Length'), head.body]).toEqual([404, '4', ''])
  })

  it('redirects with a target that may hold variables', async () => {
    const { get } = rewriting('location / { return 307 /to$uri; } location /url { return https://other.test$uri; }')
    const relative = await get('/a%20b')
    expect([relative.status, relative.header('Location')]).toEqual([307, '/to/a b'])
    const absolute = await get('/url')
    expect([absolute.status, absolute.header('Location')]).toEqual([302, 'https://other.test/url'])
    expect(absolute.body).toContain('302 Found')
  })

  it('sends an empty target as it is', async () => {
    const { get } = rewriting('location / { return 301; } location /arg { return 302 $arg_to; }')
    const bare = await get('/')
    expect([bare.status, bare.lines.includes('Location: ')]).toEqual([301, true])
    expect((await get('/arg')).lines).toContain('Location: ')
  })

  it('does not let a line break of the URI into the head', async () => {
    const { get } = rewriting('location / { return 302 /x$uri; }')
    const response = await get('/a%0d%0aSet-Cookie:x')
    expect(response.header('Location')).toBe('/x/a%0D%0ASet-Cookie:x')
    expect(response.header('Set-Cookie')).toBeUndefined()
  })

  it('uses the error page for an error without a text, and not for one with a text', async () => {
    const { get } = rewriting(
      'error_page 403 404 =200 @page; location @page { return 200 page; } location /a { return 403; } location /b { return 404 own; }',
    )
    expect((await get('/a')).body).toBe('page')
    expect((await get('/b')).body).toBe('own')
  })

  it('closes the connection for 444', async () => {
    const { open } = rewriting('location / { return 444; }')
    const client = await open()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.read()).toBe('')
  })

  it.each([
    ['return 1000;', 'invalid return code "1000"'],
    ['return x;', 'invalid return code "x"'],
    ['return /path;', 'invalid return code "/path"'],
    ['return http://a b;', 'invalid return code "http://a"'],
    ['return 200 a b;', 'invalid number of arguments in "return" directive'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(`server { ${text} }`)).toBe(message)
  })
})

describe('set', () => {
  it('assigns in order, with the values of that moment', async () => {
    const { get } = rewriting('set $a 1; location / { set $b "${a}2"; set $a 3; return 200 "$a $b $arg_x"; }')
    expect((await get('/?x=9')).body).toBe('3 12 9')
  })

  it('may change $args and not $uri', async () => {
    const { get } = rewriting('location / { set $args "b=$arg_a"; return 200 "$args $arg_b"; }')
    expect((await get('/?a=1')).body).toBe('b=1 1')
    expect(errorOf('server { set $uri x; }')).toBe('the duplicate "uri" variable')
    expect(errorOf('server { set uri x; }')).toBe('invalid variable name "uri"')
  })

  it('leaves unassigned variables empty and warns of their use', async () => {
    const { get, log } = rewriting(
      'location /set { set $Lost x; } location / { return 200 "[$lost]"; } location /q { uninitialized_variable_warn off; return 200 $lost; }',
    )
    expect((await get('/')).body).toBe('[]')
    expect(log.text).toContain('[warn]')
    expect(log.text).toContain('using uninitialized "lost" variable, client: 127.0.0.1')
    log.text = ''
    await get('/q')
    expect(log.text).toBe('')
  })

  it('keeps values over internal redirects', async () => {
    const { get } = rewriting(
      'location / { set $from here; error_page 404 =200 /other; return 404; } location /other { return 200 $from; }',
    )
    expect((await get('/')).body).toBe('here')
  })
})

describe('rewrite', () => {
  it.each([
    ['changes the URI and keeps the arguments', 'rewrite ^/(.*) /show/$1;', '/a?b=1', '/show/a?b=1'],
    ['puts arguments of its own first', 'rewrite ^/(.*) /show?x=$1;', '/a?b=1', '/show?x=a&b=1'],
    ['drops old arguments for a question mark at the end', 'rewrite ^/(.*) /show?x=$1?;', '/a?b=1', '/show?x=a'],
    ['drops all arguments', 'rewrite ^ /show?;', '/a?b=1', '/show?'],
    [
      'encodes captures in arguments when they came encoded',
      'rewrite ^/(.*) /show?x=$1;',
      '/a%20%26b',
      '/show?x=a%20%26b',
    ],
    ['does not encode captures in the path', 'rewrite ^/(.*) /show/$1;', '/a%20b', '/show/a b?'],
    ['uses named groups', 'rewrite ^/(?<name>\\w+)$ /show/$name$name;', '/ab', '/show/abab?'],
    ['goes on with the next rewrite', 'rewrite ^/a /b; rewrite ^/b /show/c;', '/a', '/show/c?'],
    ['stops at last', 'rewrite ^/a /show/1 last; rewrite ^ /show/2;', '/a', '/show/1?'],
    ['does nothing without a match', 'rewrite ^/no /show/1; rewrite ^ /show/2;', '/a', '/show/2?'],
  ])('%s', async (_name, text, path, body) => {
    const { get } = rewriting(`location / { ${text} } ${SHOW}`)
    expect((await get(path)).body).toBe(body)
  })

  it('stays in the location with break', async () => {
    const { get } = rewriting(`location / { rewrite ^ /show/1 break; return 403; } ${SHOW}`)
    // Nothing behind break runs; the file of the new URI is not there.
    expect((await get('/a')).status).toBe(404)
  })

  it('stays in the location when break stands behind it', async () => {
    const { get } = rewriting(`location / { rewrite ^ /show/1; break; } ${SHOW}`)
    expect((await get('/a')).status).toBe(404)
  })

  it.each([
    ['rewrite ^/(.*) http://b.test/$1;', '/a%20b?c=1', 302, 'http://b.test/a%20b?c=1'],
    ['rewrite ^/(.*) /to/$1 permanent;', '/a?c=1', 301, '/to/a?c=1'],
    ['rewrite ^/(.*) /to?x=$1 redirect;', '/a?c=1', 302, '/to?x=a&c=1'],
    ['rewrite ^/(.*) /to/$1? redirect;', '/a%3Ab?c=1', 302, '/to/a:b'],
    ['rewrite ^ $scheme://b.test/ ;', '/a', 302, 'http://b.test/'],
  ])('redirects: %s', async (text, path, status, location) => {
    const { get } = rewriting(`location / { ${text} }`)
    const response = await get(path)
    expect([response.status, response.header('Location')]).toEqual([status, location])
  })

  it('ends a loop with 500', async () => {
    const { get, log } = rewriting('location / { rewrite ^(.*)$ /x$1; }')
    expect((await get('/a')).status).toBe(500)
    expect(log.text).toContain('rewrite or internal redirection cycle while processing "/x')
  })

  it('answers an empty URI with 500', async () => {
    const { get, log } = rewriting('location / { rewrite ^ $arg_none; }')
    expect((await get('/a')).status).toBe(500)
    expect(log.text).toContain('[error]')
    expect(log.text).toContain('the rewritten URI has a zero length')
  })

  it('opens internal locations', async () => {
    const { get } = rewriting('location / { rewrite ^ /in; } location /in { internal; return 200 in; }')
    expect((await get('/a')).body).toBe('in')
    expect((await get('/in')).status).toBe(404)
  })

  it('logs what it does when asked to', async () => {
    const { get, log } = rewriting(
      `rewrite_log on; location / { rewrite ^/no x; rewrite ^/(a) /show?x=$1; } location /r { rewrite ^ /to redirect; } ${SHOW}`,
    )
    await get('/a')
    await get('/r')
    const texts = [...log.text.matchAll(/\[notice\] \S+ \*\d+ (.*?), client/g)].map(([, text]) => text)
    expect(texts).toEqual([
      '"^/no" does not match "/a"',
      '"^/(a)" matches "/a"',
      'rewritten data: "/show", args: "x=a"',
      '"^" matches "/r"',
      'rewritten redirect: "/to"',
    ])
  })

  it.each([
    ['rewrite ^ "";', 'empty replacement'],
    ['rewrite ^ /a forever;', 'invalid parameter "forever"'],
    ['rewrite ^;', 'invalid number of arguments in "rewrite" directive'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(`server { ${text} }`)).toBe(message)
  })
})

describe('if', () => {
  const dir = makeTempDir()

  beforeAll(() => {
    mkdirSync(`${dir.path}folder`)
    writeFileSync(`${dir.path}file`, '')
    symlinkSync('loop', `${dir.path}loop`)
    writeFileSync(`${dir.path}tool`, '', { mode: 0o755 })
  })
  afterAll(dir.remove)

  it.each([
    ['$arg_a', '/?a=1', true],
    ['$arg_a', '/?a=0', false],
    ['$arg_a', '/?a=00', true],
    ['$arg_a', '/', false],
    ['$arg_a = x', '/?a=x', true],
    ['$arg_a = x', '/?a=X', false],
    ['$arg_a = ""', '/', true],
    ['$arg_a != $arg_b', '/?a=1&b=2', true],
    ['$arg_a != $arg_b', '/?a=1&b=1', false],
    ['$arg_a ~ ^x', '/?a=xy', true],
    ['$arg_a ~ ^x', '/?a=XY', false],
    ['$arg_a ~* ^x', '/?a=XY', true],
    ['$arg_a !~ ^x', '/?a=xy', false],
    ['$arg_a !~* ^x', '/?a=y', true],
    [' $arg_a ', '/?a=1', true],
    ['-f $document_root/file', '/', true],
    ['-f $document_root/folder', '/', false],
    ['!-f $document_root/none', '/', true],
    ['-d $document_root/folder', '/', true],
    ['-d $document_root/file', '/', false],
    ['-e $document_root/folder', '/', true],
    ['!-e $document_root/file', '/', false],
    ['-x $document_root/tool', '/', true],
    ['-x $document_root/file', '/', false],
    ['-e $document_root/file/x', '/', false],
  ])('(%s) for %s is %s', async (condition, path, expected) => {
    const { get } = rewriting(
      `root ${dir.path}; if (${condition}) { return 200 yes; } location / { if (${condition}) { return 200 yes; } return 200 no; }`,
    )
    expect((await get(path)).body).toBe(expected ? 'yes' : 'no')
    served?.stop()
    const inner = rewriting(`root ${dir.path}; location / { if (${condition}) { return 200 yes; } return 200 no; }`)
    expect((await inner.get(path)).body).toBe(expected ? 'yes' : 'no')
  })

  it('leaves its captures to what follows', async () => {
    const { get } = rewriting('location / { if ($arg_a ~ "x(.)(?<end>.*)") { set $v $1; } return 200 "$v $1 $end"; }')
    expect((await get('/?a=xyz')).body).toBe('y y z')
  })

  it('switches the location; the last true condition counts, and the list goes on', async () => {
    const { get } = rewriting(
      `location / {
         add_header X-In plain always;
         if ($arg_a) { add_header X-In a always; }
         if ($arg_b) { add_header X-In b always; set $seen b; }
         return 404 "seen $seen";
       }`,
    )
    expect((await get('/')).header('X-In')).toBe('plain')
    expect((await get('/?a=1')).header('X-In')).toBe('a')
    const both = await get('/?a=1&b=1')
    expect([both.header('X-In'), both.body]).toEqual(['b', 'seen b'])
  })

  it('ends the list by break, last and return inside', async () => {
    const { get } = rewriting(
      `location / { if ($arg_a) { rewrite ^ /show/a last; } if ($arg_b) { return 200 b; } return 200 end; } ${SHOW}`,
    )
    expect((await get('/?a=1')).body).toBe('/show/a?a=1')
    expect((await get('/?b=1')).body).toBe('b')
    expect((await get('/?c=1')).body).toBe('end')
  })

  it('logs file tests that fail for another reason', async () => {
    const { get, log } = rewriting(`location / { if (-f ${dir.path}$arg_p) { return 200 yes; } return 200 no; }`)
    expect((await get('/?p=none')).body).toBe('no')
    expect(log.text).toBe('')
    expect((await get('/?p=loop')).body).toBe('no')
    expect(log.text).toContain('[crit]')
    expect(log.text).toContain(`stat() "${dir.path}loop" failed (40: Too many levels of symbolic links), client`)
  })

  it.each([
    ['if $a {}', 'invalid condition "$a"'],
    ['if ($a {}', 'invalid condition "$a"'],
    ['if ($a b) {}', 'invalid condition "$a"'],
    ['if ($a = b c) {}', 'invalid condition "$a"'],
    ['if ($a == b) {}', 'unexpected "==" in condition'],
    ['if (a) {}', 'invalid condition "a"'],
    ['if (-z /x) {}', 'invalid condition "-z"'],
    ['if (-f) {}', 'invalid condition "-f"'],
    ['if ($nothing) {}', 'unknown "nothing" variable'],
    ['if ($uri) { add_header a b; }', '"add_header" directive is not allowed here'],
    ['if ($uri) { if ($uri) {} }', '"if" directive is not allowed here'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(`server { set $a 1; ${text} }`)).toBe(message)
  })
})
