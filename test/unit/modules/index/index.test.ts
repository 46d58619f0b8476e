// Index files: which one is taken, and what is said when there is none.

import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { errorOf, makeTempDir, readHttp, type Served, serve } from '../serve.ts'

const dir = makeTempDir()
let served: Served | undefined

beforeAll(() => {
  mkdirSync(`${dir.path}one`)
  mkdirSync(`${dir.path}none`)
  writeFileSync(`${dir.path}file`, '')
  writeFileSync(`${dir.path}one/index.html`, 'html')
  writeFileSync(`${dir.path}one/a.txt`, 'text')
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

describe('index', () => {
  it('is index.html when nothing is said', async () => {
    const response = await files().get('/one/')
    expect([response.status, response.body, response.header('Content-Type')]).toEqual([200, 'html', 'text/html'])
  })

  it('takes the first that is there, by names with variables too', async () => {
    expect((await files('index no.html $arg_i index.html;').get('/one/?i=a.txt')).body).toBe('text')
    served?.stop()
    expect((await files('index no.html; index index.html;').get('/one/?i=a.txt')).body).toBe('html')
  })

  it('looks the location of the index file up', async () => {
    const { get } = files('location ~ html$ { return 200 "$uri $args"; }')
    expect((await get('/one/?a=1')).body).toBe('/one/index.html a=1')
  })

  it('goes to an absolute name whatever is there', async () => {
    const { get } = files('index no.html /elsewhere; location /elsewhere { return 200 there; }')
    expect((await get('/one/')).body).toBe('there')
  })

  it('answers a folder without an index with 403', async () => {
    const { get, log } = files()
    expect((await get('/none/')).status).toBe(403)
    expect(log.text).toContain('[error]')
    expect(log.text).toContain('directory index of "')
  })

  it('answers a missing folder with 404', async () => {
    const { get, log } = files()
    expect((await get('/missing/')).status).toBe(404)
    expect(log.text).toContain(`"${dir.path}missing/index.html" is not found (2: No such file or directory)`)
  })

  it('answers a file with a slash behind it with 404', async () => {
    const { get, log } = files()
    expect((await get('/file/')).status).toBe(404)
    expect(log.text).toContain(`"${dir.path}file/index.html" is not found (20: Not a directory)`)
  })

  it('does not serve other methods', async () => {
    expect((await files().request('PUT', '/one/', {}, 'x')).status).toBe(405)
  })

  it('refuses an empty name and warns of an absolute one that is not the last', () => {
    expect(errorOf('index "";')).toBe('index "" in "index" directive is invalid')
    const warnings: string[] = []
    readHttp('index /a b;', { onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual([
      expect.stringContaining('only the last index in "index" directive should be absolute in /test/sluice.conf:1'),
    ])
  })
})
