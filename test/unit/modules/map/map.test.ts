// map: what a source is turned into, in which order, and how often.

import { afterEach, describe, expect, it } from 'vitest'
import { errorOf, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

function mapping(lines: string, body = 'return 200 "[$v]";', source = '$arg_s'): Served {
  served = serve(`map ${source} $v { ${lines} } server { listen 127.0.0.1:8080; location / { ${body} } }`)
  return served
}

async function mapped(served: Served, source: string): Promise<string> {
  return (await served.get(`/?s=${source}`)).body.slice(1, -1)
}

describe('map', () => {
  it('finds exact words without regard to case, else the default', async () => {
    const server = mapping('default none; Abc 1; "" empty; "two words" 2;')
    expect(await mapped(server, 'aBC')).toBe('1')
    expect(await mapped(server, 'ab')).toBe('none')
    expect(await mapped(server, '')).toBe('empty')
  })

  it('is empty, not missing, without a match and a default', async () => {
    const server = mapping('a 1;')
    expect(await mapped(server, 'b')).toBe('')
  })

  it('takes regular expressions in order, after words, with their captures', async () => {
    const server = mapping('default no; ~^x(.*)$ "rest $1"; ~*^X(?<end>.*)$ "any $end"; xa word; ~^xb never;')
    expect(await mapped(server, 'xa')).toBe('word')
    expect(await mapped(server, 'xb')).toBe('rest b')
    expect(await mapped(server, 'Xb')).toBe('any b')
    expect(await mapped(server, 'b')).toBe('no')
  })

  it('never matches a regular expression against an empty source', async () => {
    expect(await mapped(mapping('default no; ~^$ yes;'), '')).toBe('no')
  })

  it('takes words behind a backslash literally', async () => {
    const server = mapping('\\default d; \\~x t; \\\\y b;')
    expect(await mapped(server, 'default')).toBe('d')
    expect(await mapped(server, '~x')).toBe('t')
  })

  it('may have variables in its values', async () => {
    const server = mapping('a $uri/$arg_t; default $arg_t;')
    expect(await mapped(server, 'a&t=1')).toBe('//1')
    expect(await mapped(server, 'b&t=1')).toBe('1')
  })

  it('finds hosts by the longest wildcard, the front ones first', async () => {
    const server = mapping(
      'hostnames; default no; example.com exact; .example.org both; *.a.com front; *.com any; www.* end;',
    )
    expect(await mapped(server, 'example.com')).toBe('exact')
    expect(await mapped(server, 'Example.Com.')).toBe('exact')
    expect(await mapped(server, 'example.org')).toBe('both')
    expect(await mapped(server, 'x.y.example.org')).toBe('both')
    expect(await mapped(server, 'x.a.com')).toBe('front')
    expect(await mapped(server, 'a.com')).toBe('any')
    expect(await mapped(server, 'www.b.com')).toBe('any')
    expect(await mapped(server, 'www.b.net')).toBe('end')
    expect(await mapped(server, 'b.net')).toBe('no')
  })

  it('is computed once per request, unless volatile', async () => {
    const body = 'set $a $v; set $args s=b; return 200 "$a$v";'
    const once = mapping('a 1; b 2;', body)
    expect((await once.get('/?s=a')).body).toBe('11')
    once.stop()
    const each = mapping('volatile; a 1; b 2;', body)
    expect((await each.get('/?s=a')).body).toBe('12')
  })

  it('and set may define one variable, in any order', async () => {
    const server = mapping('default map;', 'if ($arg_set) { set $v set; } return 200 "[$v]";')
    expect(await mapped(server, '')).toBe('map')
    expect((await server.get('/?set=1')).body).toBe('[set]')
    server.stop()
    served = serve(`server { listen 127.0.0.1:8080; location / { if ($arg_set) { set $v set; } return 200 "[$v]"; } }
      map $uri $v { default map; }`)
    expect((await served.get('/')).body).toBe('[map]')
    expect((await served.get('/?set=1')).body).toBe('[set]')
  })

  it.each([
    ['map $uri v { }', 'invalid variable name "v"'],
    ['map $uri $host { }', 'the duplicate "host" variable'],
    ['map $uri $v { a; }', 'invalid number of the map parameters'],
    ['map $uri $v { a b c; }', 'invalid number of the map parameters'],
    ['map $uri $v { default a; default b; }', 'duplicate default map parameter'],
    ['map $uri $v { a 1; A 2; }', 'conflicting parameter "A"'],
    ['map $uri $v { hostnames; *.a 1; .a 2; }', 'conflicting parameter ".a"'],
    ['map $uri $v { hostnames; a 1; .a 2; }', 'conflicting parameter ".a"'],
    ['map $uri $v { hostnames; a*.b 1; }', 'invalid hostname or wildcard "a*.b"'],
    ['map $uri $v { hostnames; *.a.* 1; }', 'invalid hostname or wildcard "*.a.*"'],
    ['map $uri $v { hostnames; .a..b 1; }', 'invalid hostname or wildcard ".a..b"'],
    ['server { map $uri $v { } }', '"map" directive is not allowed here'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(text)).toBe(message)
  })
})
