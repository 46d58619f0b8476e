// The access log as it stands in its files.

import { readFileSync, renameSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { flushLogBuffers } from '../../../../src/modules/log/buffer.ts'
import { errorOf, makeTempDir, type Served, serve, waitFor } from '../serve.ts'

const dir = makeTempDir()
let served: Served | undefined
let fileNumber = 0

afterEach(() => {
  served?.stop()
  served = undefined
})
afterAll(dir.remove)

/** A file name that no other test uses. */
function newFile(): string {
  return `${dir.path}${++fileNumber}.log`
}

function logging(http: string, server = 'location / { return 200 hello; }'): Served {
  served = serve(`${http} server { listen 127.0.0.1:8080; ${server} }`, { prefix: dir.path })
  return served
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}

/** Lines are written at the end of the loop turn in which the request ended. */
async function linesOf(file: string, count: number): Promise<string[]> {
  await waitFor(() => bytesOf(file).toString('latin1').split('\n').length > count)
  return bytesOf(file).toString('latin1').split('\n').slice(0, -1)
}

describe('access_log', () => {
  it('writes the combined format when no other is named', async () => {
    const file = newFile()
    const { get } = logging(`access_log ${file};`)
    await get('/a?b=c', { Referer: 'http://r.test/', 'User-Agent': 'me "1"', Authorization: 'Basic dTpw' })
    await get('/')
    const [full, empty] = await linesOf(file, 2)
    expect(full).toMatch(
      /^127\.0\.0\.1 - u \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/a\?b=c HTTP\/1\.1" 200 5 "http:\/\/r\.test\/" "me \\x221\\x22"$/,
    )
    expect(empty).toMatch(/^127\.0\.0\.1 - - \[.*\] "GET \/ HTTP\/1\.1" 200 5 "-" "-"$/)
  })

  it('joins the texts of a format and escapes values, not texts', async () => {
    const file = newFile()
    const { get } = logging(`log_format f '"a"\\t' "$arg_x|$uri|$arg_none" '|' $status; access_log ${file} f;`)
    await get('/%22%5c%0a%7f%c3%a4?x=y')
    expect(await linesOf(file, 1)).toEqual(['"a"\ty|/\\x22\\x5C\\x0A\\x7F\\xC3\\xA4|-|200'])
  })

  it('escapes for JSON', async () => {
    const file = newFile()
    const { get } = logging(
      `log_format j escape=json '{"u":"$uri","n":"$arg_none","s":$status}'; access_log ${file} j;`,
    )
    await get('/%22%5c%0a%0d%09%08%0c%01%7f%c3%a4')
    const [line = ''] = await linesOf(file, 1)
    expect(line).toBe('{"u":"/\\"\\\\\\n\\r\\t\\b\\f\\u0001\x7f\xc3\xa4","n":"","s":200}')
    expect(JSON.parse(Buffer.from(line, 'latin1').toString('utf8'))).toMatchObject({ u: '/"\\\n\r\t\b\f\x01\x7f\xe4' })
  })

  it('does not escape with none', async () => {
    const file = newFile()
    const { get } = logging(`log_format n escape=none '$uri-$arg_none-'; access_log ${file} n;`)
    await get('/%22%c3')
    expect(await linesOf(file, 1)).toEqual(['/"\xc3--'])
  })

  it('logs captures', async () => {
    const file = newFile()
    const { get } = logging(`log_format c '$1 $2'; access_log ${file} c;`, 'location ~ ^/(.*)$ { return 200; }')
    await get('/abc')
    expect(await linesOf(file, 1)).toEqual(['abc -'])
  })

  it('may have several files per level, which inner levels replace or switch off', async () => {
    const [a, b, c] = [newFile(), newFile(), newFile()]
    const { get } = logging(
      `log_format u $uri; access_log ${a} u; access_log ${b} u;`,
      `location / { return 200; } location /own { access_log ${c} u; return 200; } location /off { access_log off; access_log ${c} u; return 200; }`,
    )
    await get('/')
    await get('/own')
    await get('/off')
    await get('/last')
    expect(await linesOf(a, 2)).toEqual(['/', '/last'])
    expect(await linesOf(b, 2)).toEqual(['/', '/last'])
    expect(await linesOf(c, 1)).toEqual(['/own'])
  })

  it('logs where a redirected request ended', async () => {
    const [a, b] = [newFile(), newFile()]
    const { get } = logging(
      'log_format u "$uri $status";',
      `location / { access_log ${a} u; error_page 404 =200 /there; return 404; } location /there { access_log ${b} u; return 200; }`,
    )
    await get('/')
    expect(await linesOf(b, 1)).toEqual(['/there 200'])
    expect(bytesOf(a).length).toBe(0)
  })

  it('leaves lines out whose if= is empty or 0', async () => {
    const file = newFile()
    const { get } = logging(`log_format u $args; access_log ${file} u if=$arg_l;`)
    for (const args of ['l=0', 'l=', 'x', 'l=1', 'l=00']) await get(`/?${args}`)
    expect(await linesOf(file, 2)).toEqual(['l=1', 'l=00'])
  })

  it('opens a file whose name has variables for each line', async () => {
    const { get, log } = logging('log_format u $uri; access_log $arg_f.var u;')
    await get('/1?f=x')
    await get('/2?f=y')
    await get('/3?f=x')
    await get('/4?f=no/such/folder')
    expect(await linesOf(`${dir.path}x.var`, 2)).toEqual(['/1', '/3'])
    expect(await linesOf(`${dir.path}y.var`, 1)).toEqual(['/2'])
    expect(log.text).toContain('[crit]')
    expect(log.text).toContain(`open() "${dir.path}no/such/folder.var" failed (2: No such file or directory), client`)
  })

  it('logs requests that were refused before they had a location', async () => {
    const file = newFile()
    const { open } = logging(`log_format r '$status "$request"'; access_log ${file} r;`)
    const client = await open()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
    await client.read()
    expect(await linesOf(file, 1)).toEqual(['400 "GET / HTTP/1.1"'])
  })
})

describe('access_log with buffer=', () => {
  it('holds lines until the buffer is full', async () => {
    const file = newFile()
    const { get } = logging(`log_format u $uri; access_log ${file} u buffer=10;`)
    await get('/1234')
    await get('/5')
    // Both fit; the next one does not.
    expect(bytesOf(file).length).toBe(0)
    await get('/6')
    expect(await linesOf(file, 2)).toEqual(['/1234', '/5'])
    await get('/longer-than-the-buffer')
    expect(await linesOf(file, 4)).toEqual(['/1234', '/5', '/6', '/longer-than-the-buffer'])
  })

  it('writes when the flush time has passed', async () => {
    const file = newFile()
    const { get } = logging(`log_format u $uri; access_log ${file} u buffer=1k flush=50ms;`)
    await get('/a')
    expect(bytesOf(file).length).toBe(0)
    expect(await linesOf(file, 1)).toEqual(['/a'])
  })

  it('writes to the old file before it is reopened', async () => {
    const file = newFile()
    const { get } = logging(`log_format u $uri; access_log ${file} u buffer=1k;`)
    await get('/a')
    renameSync(file, `${file}.0`)
    flushLogBuffers()
    expect(bytesOf(`${file}.0`).toString()).toBe('/a\n')
  })

  it('compresses with gzip', async () => {
    const file = newFile()
    const { get } = logging(`log_format u $uri; access_log ${file} u gzip=9;`)
    await get('/a')
    flushLogBuffers()
    await get('/b')
    flushLogBuffers()
    expect(gunzipSync(bytesOf(file)).toString()).toBe('/a\n/b\n')
  })
})

describe('configuration of logs refuses', () => {
  it.each([
    ['access_log a.log no;', 'unknown log format "no"'],
    ['access_log a.log combined zip;', 'invalid parameter "zip"'],
    ['access_log off combined;', 'invalid parameter "combined"'],
    ['access_log a.log combined buffer=0;', 'invalid buffer size "0"'],
    ['access_log a.log combined buffer=x;', 'invalid buffer size "x"'],
    ['access_log a.log combined buffer=1k flush=0;', 'invalid flush time "0"'],
    ['access_log a.log combined gzip=10;', 'invalid compression level "10"'],
    ['access_log a.log combined flush=1s;', 'no buffer is defined for access_log "a.log"'],
    ['access_log $host.log combined buffer=1k;', 'buffered logs cannot have variables in name'],
    [
      'access_log a.log combined buffer=1k; access_log ./a.log combined buffer=2k; access_log a.log combined buffer=2k;',
      'access_log "a.log" already defined with conflicting parameters',
    ],
    ['log_format f a; log_format f b;', 'duplicate "log_format" name "f"'],
    ['log_format combined a;', 'duplicate "log_format" name "combined"'],
    ['log_format f escape=xml a;', 'unknown log format escaping "xml"'],
    ['log_format f $nothing;', 'unknown "nothing" variable'],
    ['log_format f;', 'invalid number of arguments in "log_format" directive'],
    ['server { access_log a.log later; } log_format later a;', 'unknown log format "later"'],
    ['server { log_format f a; }', '"log_format" directive is not allowed here'],
  ])('%s', (text, message) => {
    expect(errorOf(text)).toBe(message)
  })
})
