// Range requests over the wire, on a file of 10,000 bytes and one of none.

import { writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeTempDir, type Served, serve } from '../serve.ts'

const dir = makeTempDir()
const content = Array.from({ length: 1000 }, (_, i) => String(i).padStart(10, '0')).join('')

let served: Served | undefined

beforeAll(() => {
  writeFileSync(`${dir.path}t.html`, content)
  writeFileSync(`${dir.path}empty`, '')
})
afterEach(() => {
  served?.stop()
  served = undefined
})
afterAll(dir.remove)

function files(extra = ''): Served {
  served = serve(`server { listen 127.0.0.1:8080; root ${dir.path}; ${extra} }`)
  return served
}

describe('one range', () => {
  it.each([
    ['bytes=0-9', 0, 10],
    ['bytes=9990-', 9990, 10_000],
    ['bytes=-5', 9995, 10_000],
    ['bytes=-99999', 0, 10_000],
    ['bytes=10-99999', 10, 10_000],
    ['BYTES= 1 - 2 ', 1, 3],
    ['bytes=20000-30000,5-6', 5, 7],
  ])('%s', async (range, start, end) => {
    const response = await files().get('/t.html', { Range: range })
    expect(response.status).toBe(206)
    expect(response.header('Content-Range')).toBe(`bytes ${start}-${end - 1}/10000`)
    expect(response.header('Content-Length')).toBe(String(end - start))
    expect(response.header('Accept-Ranges')).toBeUndefined()
    expect(response.body).toBe(content.slice(start, end))
  })

  it('has no body for HEAD', async () => {
    const response = await files().request('HEAD', '/t.html', { Range: 'bytes=0-9' })
    expect([response.status, response.header('Content-Length'), response.body]).toEqual([206, '10', ''])
  })
})

describe('a range is refused with 416', () => {
  it.each(['bytes=10000-', 'bytes=5-3', 'bytes=a-b', 'bytes=1', 'bytes=-', 'bytes=-0', 'bytes=0-1,x', 'bytes=--1'])(
    '%s',
    async (range) => {
      const response = await files().get('/t.html', { Range: range })
      expect([response.status, response.header('Content-Range')]).toEqual([416, 'bytes */10000'])
      expect(response.body).toContain('416 Requested Range Not Satisfiable')
    },
  )
})

describe('the whole file is sent for', () => {
  it.each([
    ['another unit', 'lines=0-1', ''],
    ['no range at all', 'bytes=', ''],
    ['more than the file', 'bytes=0-9999,0-1', ''],
    ['a lot of crumbs', `bytes=${Array.from({ length: 60 }, (_, i) => `${i}-${i}`).join()}`, ''],
    ['more ranges than allowed', 'bytes=0-1,3-4', 'max_ranges 1;'],
    ['ranges switched off', 'bytes=0-1', 'max_ranges 0;'],
  ])('%s', async (_name, range, extra) => {
    const response = await files(extra).get('/t.html', { Range: range })
    expect([response.status, response.body.length]).toEqual([200, 10_000])
    expect(response.header('Accept-Ranges')).toBe(extra === 'max_ranges 0;' ? undefined : 'bytes')
  })

  it('any range of an empty file', async () => {
    const response = await files().get('/empty', { Range: 'bytes=0-5' })
    expect([response.status, response.header('Content-Length')]).toEqual([200, '0'])
  })

  it('If-Range of another version', async () => {
    const { get } = files()
    const whole = await get('/t.html')
    const etag = whole.header('ETag') as string
    const date = whole.header('Last-Modified') as string
    const status = async (ifRange: string): Promise<number> =>
      (await get('/t.html', { Range: 'bytes=0-1', 'If-Range': ifRange })).status
    expect(await status(etag)).toBe(206)
    expect(await status(date)).toBe(206)
    expect(await status('"other"')).toBe(200)
    expect(await status('Tue, 05 Mar 2024 06:07:08 GMT')).toBe(200)
    expect(await status('x')).toBe(200)
  })
})

describe('several ranges', () => {
  it('are parts of a multipart body', async () => {
    const response = await files().get('/t.html', { Range: 'bytes=0-9, -10' })
    expect(response.status).toBe(206)
    const [, boundary] = /^multipart\/byteranges; boundary=(\d{20})$/.exec(response.header('Content-Type') ?? '') ?? []
    const part = (range: string, text: string): string =>
      `\r\n--${boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes ${range}/10000\r\n\r\n${text}`
    expect(response.body).toBe(`${part('0-9', '0000000000')}${part('9990-9999', '0000000999')}\r\n--${boundary}--\r\n`)
    expect(response.header('Content-Length')).toBe(String(response.body.length))
  })
})
