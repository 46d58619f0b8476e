// Responses at a rate: limit_rate towards the client, proxy_limit_rate from the upstream. Time is the subject; a machine that
// is busy can only make it longer, so only lower bounds are exact.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { sleep, waitFor } from '../harness/wait_for.ts'

const BODY = 'x'.repeat(30_000)

function start(locations: string): Promise<ServerProcess> {
  return startSluice({
    files: { data: BODY },
    logLevel: 'info',
    http: `
      log_format rate "$uri $limit_rate";
      server {
        listen 127.0.0.1:%%PORT:a%%;
        root %%DIR%%;
        access_log logs/rate.log rate;
        location /data { }
        ${locations}
      }`,
  })
}

/**
 * Milliseconds until the response was whole, and its body. The rate counts seconds of the clock: a request that comes when one
 * is nearly over has the bytes of two at once, as in nginx, so it is made early in one.
 */
async function timed(sluice: ServerProcess, target: string): Promise<{ ms: number; body: string }> {
  const inSecond = Date.now() % 1000
  if (inSecond > 500) await sleep(1010 - inSecond)
  const started = performance.now()
  const { body } = await ask(sluice.port('a'), getOnce(target))
  return { ms: performance.now() - started, body }
}

describe('limit_rate', () => {
  const LOCATIONS = `
    location /slow { alias %%DIR%%/data; limit_rate 20k; }
    location /after { alias %%DIR%%/data; limit_rate 20k; limit_rate_after 40k; }
    location /arg { alias %%DIR%%/data; limit_rate $arg_rate; }
    location /set { alias %%DIR%%/data; set $limit_rate 20k; }
    location /told { proxy_pass http://127.0.0.1:%%PORT:a%%/tell; }
    location /unbuffered { proxy_pass http://127.0.0.1:%%PORT:a%%/tell; proxy_buffering off; }
    location /tell { alias %%DIR%%/data; add_header X-Accel-Limit-Rate 20480; }
    location /slow/off { alias %%DIR%%/data; limit_rate 0; }`

  test('spreads a response over time, whole and in order', async () => {
    const sluice = await start(LOCATIONS)
    for (const target of ['/slow', '/arg?rate=20k', '/set', '/told']) {
      const { ms, body } = await timed(sluice, target)
      expect(body).toBe(BODY)
      expect(ms).toBeGreaterThan(900)
    }
    const log = sluice.file('logs/rate.log')
    expect(log).toMatch(/^\/slow 20480\n[\s\S]*^\/arg 20480\n/m)
  }, 20_000)

  test('does not touch what is free, off, not a size, or not buffered', async () => {
    const sluice = await start(LOCATIONS)
    for (const target of ['/after', '/slow/off', '/arg?rate=0', '/arg?rate=fast', '/arg', '/unbuffered']) {
      const { ms, body } = await timed(sluice, target)
      expect(body).toBe(BODY)
      expect(ms).toBeLessThan(900)
    }
    expect(sluice.log()).toContain('[error]')
    expect(sluice.log()).toContain('invalid size "fast"')
    expect(sluice.log()).toContain('invalid size ""')
  })

  test('does not mix the rest of a response into the next connection when the client leaves', async () => {
    const sluice = await start(LOCATIONS)
    const leaver = await Client.connect(sluice.port('a'))
    leaver.send(request('GET', '/slow'))
    await waitFor('the first bytes', () => leaver.received.length > 0)
    leaver.reset()
    expect((await timed(sluice, '/after')).body).toBe(BODY)
  })

  test('on a kept connection the next request is served after the slow one, in its own time', async () => {
    const sluice = await start(LOCATIONS)
    const client = await Client.connect(sluice.port('a'))
    client.send(request('GET', '/slow') + request('GET', '/after'))
    const slow = await client.response()
    const after = await client.response()
    expect([slow.body, after.body]).toEqual([BODY, BODY])
    client.destroy()
  }, 20_000)
})

describe('proxy_limit_rate', () => {
  test('reads an upstream slowly, whole and in order; not without buffering', async () => {
    const sluice = await start(`
      proxy_limit_rate 20k;
      location /slow { proxy_pass http://127.0.0.1:%%PORT:a%%/data; }
      location /header { proxy_limit_rate $upstream_http_x_rate; proxy_pass http://127.0.0.1:%%PORT:a%%/rate; }
      location /rate { alias %%DIR%%/data; add_header X-Rate 20k; }
      location /off { proxy_limit_rate 0; proxy_pass http://127.0.0.1:%%PORT:a%%/data; }
      location /unbuffered { proxy_buffering off; proxy_pass http://127.0.0.1:%%PORT:a%%/data; }`)
    for (const target of ['/slow', '/header']) {
      const { ms, body } = await timed(sluice, target)
      expect(body).toBe(BODY)
      expect(ms).toBeGreaterThan(900)
    }
    for (const target of ['/off', '/unbuffered']) {
      const { ms, body } = await timed(sluice, target)
      expect(body).toBe(BODY)
      expect(ms).toBeLessThan(900)
    }
  }, 20_000)
})
