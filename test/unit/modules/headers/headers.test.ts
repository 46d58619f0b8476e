// add_header, its inheritance, and expires, as they arrive.

import { writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { errorOf, makeTempDir, type Response, type Served, serve } from '../serve.ts'

const dir = makeTempDir()
let served: Served | undefined

beforeAll(() => writeFileSync(`${dir.path}file`, 'content'))
afterEach(() => {
  served?.stop()
  served = undefined
})
afterAll(dir.remove)

function serving(body: string): Served {
  served = serve(`server { listen 127.0.0.1:8080; root ${dir.path}; ${body} }`)
  return served
}

function values(response: Response, name: string): string[] {
  const start = `${name}: `
  return response.lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length))
}

describe('add_header', () => {
  it('adds lines in order, with variables, and none for an empty value', async () => {
    const { get } = serving(
      'add_header X-A "$arg_a!"; add_header X-B $arg_b; add_header X-A two; location / { return 200; }',
    )
    const response = await get('/?a=1')
    expect(values(response, 'X-A')).toEqual(['1!', 'two'])
    expect(values(response, 'X-B')).toEqual([])
  })

  it.each([
    [200, true],
    [201, true],
    [204, true],
    [301, true],
    [302, true],
    [303, true],
    [307, true],
    [308, true],
    [202, false],
    [400, false],
    [404, false],
    [503, false],
  ])('with status %d: %s', async (status, isAdded) => {
    const { get } = serving(`add_header X-A a; add_header X-B b always; location / { return ${status} /x; }`)
    const response = await get('/')
    expect(response.status).toBe(status)
    expect(values(response, 'X-A')).toEqual(isAdded ? ['a'] : [])
    expect(values(response, 'X-B')).toEqual(['b'])
  })

  it('with always goes out with built-in error pages', async () => {
    const response = await serving('add_header X-B b always;').get('/none')
    expect([response.status, values(response, 'X-B')]).toEqual([404, ['b']])
  })

  it('replaces Last-Modified and ETag, and removes them with an empty value', async () => {
    const { get } = serving('add_header ETag mine; add_header Last-Modified $arg_l;')
    const response = await get('/file?l=today')
    expect(values(response, 'ETag')).toEqual(['mine'])
    expect(values(response, 'Last-Modified')).toEqual(['today'])
    expect(values(await get('/file'), 'Last-Modified')).toEqual([])
  })

  it('turns line breaks of a value into blanks', async () => {
    const { get } = serving('add_header X-Uri $uri; location / { return 200; }')
    const response = await get('/a%0d%0aSet-Cookie:%20x')
    expect(values(response, 'X-Uri')).toEqual(['/a  Set-Cookie: x'])
    expect(response.header('Set-Cookie')).toBeUndefined()
  })

  it('is inherited only by levels without one of their own', async () => {
    const { get } = serving(
      'add_header X-A server; location / { return 200; } location /own { add_header X-B own; return 200; }',
    )
    expect(values(await get('/'), 'X-A')).toEqual(['server'])
    const own = await get('/own')
    expect([values(own, 'X-A'), values(own, 'X-B')]).toEqual([[], ['own']])
  })

  it('follows add_header_inherit', async () => {
    const { get } = serving(
      `add_header X-A server;
       location /merge { add_header_inherit merge; add_header X-A own; return 200; location /merge/in { return 200; } }
       location /off { add_header_inherit off; return 200; }`,
    )
    expect(values(await get('/merge'), 'X-A')).toEqual(['own', 'server'])
    expect(values(await get('/merge/in'), 'X-A')).toEqual(['own', 'server'])
    expect(values(await get('/off'), 'X-A')).toEqual([])
  })

  it.each([
    ['add_header X-A a sometimes;', 'invalid parameter "sometimes"'],
    ['add_header X-A;', 'invalid number of arguments in "add_header" directive'],
    ['add_header_inherit maybe;', 'invalid value "maybe"'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(text)).toBe(message)
  })
})

describe('add_trailer', () => {
  /** What follows the last chunk. */
  const trailersOf = (body: string): string => /\r\n0\r\n([\s\S]*)\r\n$/.exec(body)?.[1] ?? 'not chunked'

  it('adds lines behind the body, which it makes chunked', async () => {
    const { get } = serving(
      'add_trailer X-A a; add_trailer X-Uri $uri; add_trailer X-None $arg_none; location /file { }',
    )
    const response = await get('/file')
    expect(response.header('Transfer-Encoding')).toBe('chunked')
    expect(response.header('Content-Length')).toBeUndefined()
    expect(trailersOf(response.body)).toBe('X-A: a\r\nX-Uri: /file\r\n')
  })

  it('needs a status of a fine answer, or always', async () => {
    const { get } = serving('add_trailer X-A a; add_trailer X-B b always; location / { return 404; }')
    expect(trailersOf((await get('/')).body)).toBe('X-B: b\r\n')
  })

  it('leaves alone what cannot have trailers', async () => {
    const { request } = serving('add_trailer X-A a; location /none { return 204; } location /file { }')
    const head = await request('HEAD', '/file')
    expect([head.header('Transfer-Encoding'), head.header('Content-Length')]).toEqual([undefined, '7'])
    expect((await request('GET', '/none')).header('Transfer-Encoding')).toBeUndefined()
  })

  it('turns line breaks of a value into blanks', async () => {
    const { get } = serving('add_trailer X-Uri $uri; location / { return 200 x; }')
    expect(trailersOf((await get('/a%0d%0aSet-Cookie:%20x')).body)).toBe('X-Uri: /a  Set-Cookie: x\r\n')
  })

  it('is inherited like add_header, and follows add_trailer_inherit', async () => {
    const { get } = serving(
      `add_trailer X-A server;
       location / { return 200 x; }
       location /own { add_trailer X-B own; return 200 x; }
       location /merge { add_trailer_inherit merge; add_trailer X-B own; return 200 x; }
       location /off { add_trailer_inherit off; return 200 x; }`,
    )
    expect(trailersOf((await get('/')).body)).toBe('X-A: server\r\n')
    expect(trailersOf((await get('/own')).body)).toBe('X-B: own\r\n')
    expect(trailersOf((await get('/merge')).body)).toBe('X-B: own\r\nX-A: server\r\n')
    expect(trailersOf((await get('/off')).body)).toBe('not chunked')
  })

  it('refuses a third word that is not "always"', () => {
    expect(errorOf('add_trailer X-A a sometimes;')).toBe('invalid parameter "sometimes"')
  })
})

describe('expires', () => {
  /** Expires minus now in seconds, and Cache-Control. */
  async function times(text: string, path = '/'): Promise<[number, string[]]> {
    const { get } = serving(`expires ${text}; location / { return 200; } location /file { }`)
    const response = await get(path)
    const [expires = ''] = values(response, 'Expires')
    return [Math.round((Date.parse(expires) - Date.now()) / 1000), values(response, 'Cache-Control')]
  }

  it.each([
    ['1h', 3600, 'max-age=3600'],
    ['+1h', 3600, 'max-age=3600'],
    ['0', 0, 'max-age=0'],
    ['-1', -1, 'no-cache'],
    ['30d', 30 * 86400, 'max-age=2592000'],
    ['$arg_none@', Number.NaN, undefined],
  ])('%s', async (text, seconds, cacheControl) => {
    const [distance, control] = await times(text)
    if (Number.isNaN(seconds)) expect(distance).toBeNaN()
    else expect(Math.abs(distance - seconds)).toBeLessThanOrEqual(1)
    expect(control).toEqual(cacheControl === undefined ? [] : [cacheControl])
  })

  it.each([
    ['epoch', 'Thu, 01 Jan 1970 00:00:01 GMT', 'no-cache'],
    ['max', 'Thu, 31 Dec 2037 23:55:55 GMT', 'max-age=315360000'],
    ['$arg_e', 'Thu, 31 Dec 2037 23:55:55 GMT', 'max-age=315360000'],
  ])('%s', async (text, expires, cacheControl) => {
    const { get } = serving(`expires ${text}; location / { return 200; }`)
    const response = await get('/?e=max')
    expect([values(response, 'Expires'), values(response, 'Cache-Control')]).toEqual([[expires], [cacheControl]])
  })

  it('counts from the last change with modified', async () => {
    const { get } = serving('expires modified 1h; location / { }')
    const response = await get('/file')
    const changed = Date.parse(response.header('Last-Modified') as string)
    expect(Date.parse(values(response, 'Expires')[0] as string) - changed).toBe(3_600_000)
  })

  it('takes the next time of the day with @', async () => {
    const nowMs = new Date(2024, 2, 5, 12, 0, 0).getTime()
    const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs)
    try {
      expect((await times('@15h30m'))[1]).toEqual([`max-age=${3.5 * 3600}`])
      served?.stop()
      expect((await times('@11h'))[1]).toEqual([`max-age=${23 * 3600}`])
    } finally {
      clock.mockRestore()
    }
  })

  it('does nothing when off, inherited or for an error', async () => {
    const { get } = serving(
      'expires 1h; location / { return 200; } location /off { expires off; return 200; } location /e { return 404; }',
    )
    expect(values(await get('/'), 'Cache-Control')).toEqual(['max-age=3600'])
    expect(values(await get('/off'), 'Cache-Control')).toEqual([])
    expect(values(await get('/e'), 'Cache-Control')).toEqual([])
  })

  it('leaves Cache-Control lines of add_header beside its own', async () => {
    const { get } = serving('expires 1h; add_header Cache-Control public; location / { return 200; }')
    expect(values(await get('/'), 'Cache-Control')).toEqual(['max-age=3600', 'public'])
  })

  it.each([
    ['expires soon;', '"expires" directive invalid value'],
    ['expires modified @1h;', '"expires" directive daily time cannot be used with "modified" parameter'],
    ['expires @25h;', '"expires" directive daily time value must be less than 24 hours'],
    ['expires changed 1h;', '"expires" directive invalid value'],
    ['expires 1h; expires 2h;', '"expires" directive is duplicate'],
  ])('refuses %s', (text, message) => {
    expect(errorOf(text)).toBe(message)
  })
})
