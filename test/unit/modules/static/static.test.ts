// Files over the wire: what is found, what is not and why, conditions, and bodies of every size.

import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeTempDir, type Served, serve, waitFor } from '../serve.ts'

const dir = makeTempDir()
const big = Buffer.alloc(3_000_000)
for (let i = 0; i < big.length; i += 4) big.writeUInt32BE(i, i)
/** 2024-03-05 06:07:08 UTC. */
const CHANGED = 1709618828
const CHANGED_DATE = 'Tue, 05 Mar 2024 06:07:08 GMT'
/** Bytes of a sparse file that no pair of socket buffers can hold. */
const HUGE = 200_000_000
const NOBODY = 65534
const ETAG = `"${CHANGED.toString(16)}-5"`

let served: Served | undefined

beforeAll(() => {
  chmodSync(dir.path, 0o755)
  mkdirSync(`${dir.path}folder`)
  writeFileSync(`${dir.path}small.html`, 'small')
  writeFileSync(`${dir.path}empty`, '')
  writeFileSync(`${dir.path}big`, big)
  writeFileSync(`${dir.path}secret`, 'x', { mode: 0o000 })
  writeFileSync(Buffer.from(`${dir.path}\xe9`, 'latin1'), 'latin')
  symlinkSync('loop', `${dir.path}loop`)
  utimesSync(`${dir.path}small.html`, CHANGED, CHANGED)
})

afterEach(() => {
  served?.stop()
  served = undefined
})
afterAll(dir.remove)

function files(extra = ''): Served {
  served = serve(`server { listen 127.0.0.1:8080; absolute_redirect off; root ${dir.path}; ${extra} }`)
  return served
}

/** What the descriptors of this process refer to. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

describe('static', () => {
  it('sends a file with its type, length, date and tag', async () => {
    const response = await files().get('/small.html')
    expect([response.status, response.body]).toEqual([200, 'small'])
    expect(response.header('Content-Type')).toBe('text/html')
    expect(response.header('Content-Length')).toBe('5')
    expect(response.header('Last-Modified')).toBe(CHANGED_DATE)
    expect(response.header('ETag')).toBe(ETAG)
    expect(response.header('Accept-Ranges')).toBe('bytes')
  })

  it('sends only the head to HEAD', async () => {
    const { request } = files()
    for (const path of ['/small.html', '/big']) {
      const response = await request('HEAD', path)
      expect([response.status, response.body]).toEqual([200, ''])
    }
    expect((await request('HEAD', '/big')).header('Content-Length')).toBe('3000000')
  })

  it('sends empty files and large ones byte for byte', async () => {
    const { get } = files()
    expect((await get('/empty')).header('Content-Length')).toBe('0')
    const response = await get('/big')
    expect(Buffer.from(response.body, 'latin1').equals(big)).toBe(true)
  })

  it('finds files whose names are not ASCII', async () => {
    expect((await files().get('/%e9')).body).toBe('latin')
  })

  it('leaves out the tag with etag off', async () => {
    expect((await files('etag off;').get('/small.html')).header('ETag')).toBeUndefined()
  })

  it('redirects a folder to itself with a slash', async () => {
    const { get } = files()
    const response = await get('/folder?a=1')
    expect([response.status, response.header('Location')]).toEqual([301, '/folder/?a=1'])
  })

  it.each([
    ['/none', 404, 'error', 'open() "DIRnone" failed (2: No such file or directory)'],
    ['/small.html/x', 404, 'error', 'open() "DIRsmall.html/x" failed (20: Not a directory)'],
    [`/${'n'.repeat(300)}`, 404, 'error', 'failed (36: File name too long)'],
    ['/loop', 403, 'error', 'open() "DIRloop" failed (40: Too many levels of symbolic links)'],
  ])('answers %.20s with %d and says why', async (path, status, level, message) => {
    const { get, log } = files()
    expect((await get(path)).status).toBe(status)
    expect(log.text).toContain(`[${level}]`)
    expect(log.text).toContain(message.replace('DIR', dir.path))
  })

  it('answers a file that may not be read with 403', async () => {
    const { get, log } = files()
    // Root may read everything, so for this request it is somebody else.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(NOBODY)
    const { status } = await get('/secret').finally(() => isRoot && process.seteuid?.(0))
    expect(status).toBe(403)
    expect(log.text).toContain('/secret" failed (13: Permission denied)')
  })

  it('does not mention missing files with log_not_found off', async () => {
    const { get, log } = files('log_not_found off;')
    expect((await get('/none')).status).toBe(404)
    expect(log.text).toBe('')
  })

  it('refuses what is not a regular file', async () => {
    const { get, log } = files('location /dev { root /; }')
    expect((await get('/dev/null')).status).toBe(404)
    expect(log.text).toContain('[crit]')
    expect(log.text).toContain('/dev/null" is not a regular file')
  })

  it('refuses other methods, and POST to a file', async () => {
    const { request } = files()
    expect((await request('DELETE', '/small.html')).status).toBe(405)
    expect((await request('POST', '/small.html', {}, 'x')).status).toBe(405)
    expect((await request('POST', '/none', {}, 'x')).status).toBe(404)
  })

  it('serves error pages whatever the conditions and ranges of the request', async () => {
    const { get } = files('error_page 404 /small.html;')
    const response = await get('/none', { 'If-None-Match': ETAG, Range: 'bytes=0-1' })
    expect([response.status, response.body]).toEqual([404, 'small'])
  })
})

describe('a large file', () => {
  it('waits for a client that does not read, and goes on when it does', async () => {
    const { open } = files()
    const client = await open()
    client.socket.pause()
    client.send('GET /big HTTP/1.0\r\nHost: a\r\n\r\n')
    // Time is the subject: whatever can be sent without the client's help has been sent after this.
    await new Promise((resolve) => setTimeout(resolve, 200))
    client.socket.resume()
    const text = await client.read()
    expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(big.length)
    client.close()
  })

  it('cuts the connection when the file turns out shorter', async () => {
    const path = `${dir.path}shrinking`
    writeFileSync(path, '')
    truncateSync(path, HUGE)
    const { open, log } = files()
    const client = await open()
    client.socket.pause()
    client.send('GET /shrinking HTTP/1.0\r\nHost: a\r\n\r\n')
    await waitFor(() => client.socket.readableLength > 0 || client.received !== '' || client.socket.bytesRead > 0)
    truncateSync(path, 10)
    client.socket.resume()
    const text = await client.read()
    expect(text.length).toBeLessThan(HUGE)
    expect(log.text).toContain(`pread() read only 0 of 65536 from "${path}"`)
  })

  it('leaves no descriptor open when the client leaves', async () => {
    writeFileSync(`${dir.path}huge`, '')
    truncateSync(`${dir.path}huge`, HUGE)
    const { open } = files()
    const client = await open()
    client.socket.pause()
    client.send('GET /huge HTTP/1.0\r\nHost: a\r\n\r\n')
    await waitFor(() => openDescriptors().some((name) => name.endsWith('/huge')))
    client.close()
    await waitFor(() => openDescriptors().every((name) => !name.endsWith('/huge')))
  })
})

describe('conditions', () => {
  beforeEach(() => {
    files()
  })
  const EARLIER = 'Tue, 05 Mar 2024 06:07:07 GMT'
  const LATER = 'Tue, 05 Mar 2024 06:07:09 GMT'

  it.each([
    [{ 'If-Modified-Since': CHANGED_DATE }, 304],
    [{ 'If-Modified-Since': 'Tuesday, 05-Mar-24 06:07:08 GMT' }, 304],
    [{ 'If-Modified-Since': 'Tue Mar  5 06:07:08 2024' }, 304],
    [{ 'If-Modified-Since': EARLIER }, 200],
    [{ 'If-Modified-Since': LATER }, 200],
    [{ 'If-Modified-Since': 'yesterday' }, 200],
    [{ 'If-None-Match': ETAG }, 304],
    [{ 'If-None-Match': `W/${ETAG}` }, 304],
    [{ 'If-None-Match': `"x", ${ETAG}` }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"' }, 200],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': CHANGED_DATE }, 200],
    [{ 'If-None-Match': ETAG, 'If-Modified-Since': EARLIER }, 200],
    [{ 'If-None-Match': ETAG, 'If-Modified-Since': CHANGED_DATE }, 304],
    [{ 'If-Unmodified-Since': CHANGED_DATE }, 200],
    [{ 'If-Unmodified-Since': LATER }, 200],
    [{ 'If-Unmodified-Since': EARLIER }, 412],
    [{ 'If-Match': ETAG }, 200],
    [{ 'If-Match': '*' }, 200],
    [{ 'If-Match': `W/${ETAG}` }, 412],
    [{ 'If-Match': '"x"' }, 412],
  ])('%o: %d', async (headers, status) => {
    const response = await (served as Served).get('/small.html', headers as Record<string, string>)
    expect(response.status).toBe(status)
  })

  it('304 has tag and date and nothing about a body', async () => {
    const response = await (served as Served).get('/small.html', { 'If-None-Match': ETAG })
    expect(response.header('ETag')).toBe(ETAG)
    expect(response.header('Last-Modified')).toBe(CHANGED_DATE)
    for (const name of ['Content-Length', 'Content-Type', 'Accept-Ranges', 'Transfer-Encoding']) {
      expect(response.header(name)).toBeUndefined()
    }
  })

  it('if_modified_since before and off', async () => {
    served?.stop()
    const before = files('if_modified_since before;')
    expect((await before.get('/small.html', { 'If-Modified-Since': LATER })).status).toBe(304)
    expect((await before.get('/small.html', { 'If-Modified-Since': EARLIER })).status).toBe(200)
    before.stop()
    const off = files('if_modified_since off;')
    expect((await off.get('/small.html', { 'If-Modified-Since': CHANGED_DATE })).status).toBe(200)
  })
})
