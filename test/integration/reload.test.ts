// SIGHUP under load: nothing is lost, limits are remembered, and what cannot be loaded leaves the old generation serving.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { startLoad } from '../harness/load.ts'
import { rawOrigin } from '../harness/origin.ts'
import { isAlive } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const ZONE = 'limit_req_zone $arg_k zone=one:1m rate=1r/m;'

function conf(text: string, more = ZONE): { http: string; workers: number; files: Record<string, string> } {
  return {
    workers: 2,
    files: { 'html/limited': 'in\n' },
    http: `
      ${more}
      server {
        listen 127.0.0.1:%%PORT:a%%;
        root %%DIR%%/html;
        location / { return 200 "${text}"; }
        location /limited { limit_req zone=one burst=4 nodelay; }
      }`,
  }
}

const body = async (sluice: ServerProcess, target = '/') => (await ask(sluice.port('a'), getOnce(target))).body
const status = async (sluice: ServerProcess, target: string) => (await ask(sluice.port('a'), getOnce(target))).status

describe('a reload', () => {
  test('serves the new configuration with new workers', async () => {
    const sluice = await startSluice(conf('old'))
    const before = sluice.workers().map((worker) => worker.pid)
    expect(await body(sluice)).toBe('old')
    await sluice.writeConf(wholeConf(conf('new')))
    await sluice.reload()
    expect(await body(sluice)).toBe('new')
    expect(sluice.workers()).toHaveLength(2)
    for (const worker of sluice.workers()) expect(before).not.toContain(worker.pid)
    await sluice.waitForLog(/\[notice\] \d+#\d+: reconfiguring/)
  })

  test.skipIf(STORIES_OF_NGINX)('under load loses no request, on no connection', async () => {
    const sluice = await startSluice(conf('steady'))
    const load = startLoad(sluice.port('a'), 16)
    for (let i = 0; i < 3; i++) {
      const before = load.counts.statuses.get(200) ?? 0
      await waitFor('some answers', () => (load.counts.statuses.get(200) ?? 0) > before + 200)
      await sluice.reload()
    }
    const counts = await load.stop()
    expect(counts.lost).toBe(0)
    expect([...counts.statuses.keys()]).toEqual([200])
  })

  test('lets a request that is under way finish in its old worker', async () => {
    let answer = () => {}
    const told = new Promise<void>((resolve) => {
      answer = resolve
    })
    const origin = await rawOrigin(async (connection) => {
      await connection.request()
      await told
      connection.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    })
    const slow = conf('old').http.replace(
      'location /limited',
      `location /slow { proxy_pass http://127.0.0.1:${origin.port}; } location /limited`,
    )
    const sluice = await startSluice({ ...conf('old'), http: slow })
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/slow'))
    await waitFor('the request at the origin', () => origin.connections.length === 1)
    const old = sluice.workers()
    sluice.signal('SIGHUP')
    await waitFor('the old workers to be told', () => sluice.logLines(/gracefully shutting down/).length === 2)
    answer()
    const response = await client.response()
    expect(response.body).toBe('done')
    expect(response.header('connection')).toBe('close')
    await waitFor('the old workers to leave', () => old.every((worker) => !isAlive(worker)))
    client.destroy()
  })

  test('remembers who was limited', async () => {
    const sluice = await startSluice(conf('x'))
    const ask5 = async () => {
      const seen: number[] = []
      for (let i = 0; i < 5; i++) seen.push(await status(sluice, '/limited?k=me'))
      return seen
    }
    expect(await ask5()).toEqual(Array(5).fill(200))
    await sluice.reload()
    expect(await ask5()).toEqual(Array(5).fill(503))
  })

  test('applies a new rate and burst to what is remembered', async () => {
    const sluice = await startSluice(conf('x'))
    for (let i = 0; i < 6; i++) await status(sluice, '/limited?k=me')
    await sluice.writeConf(wholeConf({ ...conf('x'), http: conf('x').http.replace('burst=4', 'burst=6') }))
    await sluice.reload()
    const seen: number[] = []
    for (let i = 0; i < 3; i++) seen.push(await status(sluice, '/limited?k=me'))
    expect(seen).toEqual([200, 200, 503])
  })

  test.skipIf(STORIES_OF_NGINX)('with another size the zone forgets nobody (nginx: everybody)', async () => {
    const sluice = await startSluice(conf('x'))
    for (let i = 0; i < 6; i++) await status(sluice, '/limited?k=me')
    expect(await status(sluice, '/limited?k=me')).toBe(503)
    await sluice.writeConf(wholeConf(conf('x', ZONE.replace(':1m', ':2m'))))
    await sluice.reload()
    expect(await status(sluice, '/limited?k=me')).toBe(503)
    await sluice.waitForLog(/\[notice\] .*zone "one" is in force with 2097152 bytes: 1 keys have moved, 0 did not fit/)
    expect(await status(sluice, '/limited?k=me')).toBe(503)
    expect(await status(sluice, '/limited?k=other')).toBe(200)
  })

  test('changes the number of workers', async () => {
    const sluice = await startSluice(conf('x'))
    await sluice.writeConf(wholeConf({ ...conf('x'), workers: 4 }))
    await sluice.reload(4)
    await sluice.writeConf(wholeConf({ ...conf('x'), workers: 1 }))
    await sluice.reload(1)
    expect(await body(sluice)).toBe('x')
  })
})

describe('a reload that fails', () => {
  test.each([
    [
      'a syntax error',
      (text: string) => `${text}\nwrong;\n`,
      /\[emerg\] \d+#\d+: unknown directive "wrong" in .*\/server\.conf:\d+/,
    ],
    [
      'another key for the same zone',
      (text: string) => text.replace('$arg_k zone', '$uri zone'),
      /\[emerg\] \d+#\d+: limit_req "one" uses the "\$uri" key while previously it used the "\$arg_k" key/,
    ],
    [
      'a missing zone',
      (text: string) => text.replace('limit_req_zone $arg_k', '#'),
      /\[emerg\] \d+#\d+: zero size shared memory zone "one"/,
    ],
  ])('for %s says why and leaves the old generation serving', async (_, spoil, message) => {
    const sluice = await startSluice(conf('old'))
    sluice.expectAlert(message)
    const workers = sluice.workers().map((worker) => worker.pid)
    for (let i = 0; i < 5; i++) await status(sluice, '/limited?k=kept')
    await sluice.writeConf(spoil(wholeConf(conf('new'))))
    sluice.signal('SIGHUP')
    await sluice.waitForLog(message)
    expect(await body(sluice)).toBe('old')
    expect(sluice.workers().map((worker) => worker.pid)).toEqual(workers)
    expect(await status(sluice, '/limited?k=kept')).toBe(503)
    // And the next good one works.
    await sluice.writeConf(wholeConf(conf('new')))
    await sluice.reload()
    expect(await body(sluice)).toBe('new')
  })
})
