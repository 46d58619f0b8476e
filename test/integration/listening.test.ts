// Where sluice listens: several addresses, IPv6, unix sockets, and which server an address leads to.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { startLoad } from '../harness/load.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const body = async (address: number | string, target = '/') => (await ask(address, getOnce(target))).body

describe('listen', () => {
  test('several ports and servers: each address has its own', async () => {
    const sluice = await startSluice({
      http: `
        server { listen 127.0.0.1:%%PORT:a%%; listen 127.0.0.1:%%PORT:b%%; return 200 "one $server_port"; }
        server { listen 127.0.0.1:%%PORT:c%%; return 200 "two $server_addr"; }`,
    })
    expect(await body(sluice.port('a'))).toBe(`one ${sluice.port('a')}`)
    expect(await body(sluice.port('b'))).toBe(`one ${sluice.port('b')}`)
    expect(await body(sluice.port('c'))).toBe('two 127.0.0.1')
  })

  test('a port on all addresses', async () => {
    const sluice = await startSluice({ http: 'server { listen %%PORT:a%%; return 200 "$server_addr $remote_addr"; }' })
    expect(await body(sluice.port('a'))).toBe('127.0.0.1 127.0.0.1')
  })

  test('a special address beside the wildcard', async () => {
    const sluice = await startSluice({
      http: `
        server { listen %%PORT:a%%; return 200 "any"; }
        server { listen 127.0.0.1:%%PORT:a%%; return 200 "special"; }`,
    })
    expect(await body(sluice.port('a'))).toBe('special')
  })

  test('IPv6', async () => {
    const sluice = await startSluice({
      http: `
        server { listen 127.0.0.1:%%PORT:a%%; return 200 "four"; }
        server { listen [::1]:%%PORT:six%%; return 200 "$server_addr $remote_addr"; }`,
    })
    const response = await ask({ port: sluice.port('six'), host: '::1' }, getOnce('/'))
    expect(response.body).toBe('::1 ::1')
  })

  test('a unix socket; its file is gone after the end', async () => {
    const sluice = await startSluice({ http: 'server { listen unix:%%SOCK:s%%; return 200 "$remote_addr|$host"; }' })
    expect(await body(sluice.sock('s'))).toBe('unix:|t.test')
    // That the file is removed is what the end of every story looks for.
  })

  test('an address in use is retried, then refused', async () => {
    const first = await startSluice({ http: 'server { listen 127.0.0.1:%%PORT:a%%; }' })
    const second = startSluice({
      ports: { taken: first.port('a') },
      http: 'server { listen 127.0.0.1:%%PORT:taken%%; }',
    })
    await expect(second).rejects.toThrow(
      /bind\(\) to 127\.0\.0\.1:\d+ failed \(98: Address already in use\)[\s\S]*still could not bind\(\)/,
    )
  })
})

describe('workers', () => {
  // The scheduler has its say too, hence the retries: a worker that does not run for longer than its siblings' patience
  // misses its share.
  test.skipIf(STORIES_OF_NGINX)('share the connections of a keep-alive load evenly', { retry: 2 }, async () => {
    const sluice = await startSluice({
      workers: 4,
      http: 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 $pid; } }',
    })
    const clients = await Promise.all(Array.from({ length: 64 }, () => Client.connect(sluice.port('a'))))
    const counts = new Map<string, number>()
    for (const client of clients) {
      client.send(request('GET', '/'))
      const { body: pid } = await client.response()
      counts.set(pid, (counts.get(pid) ?? 0) + 1)
    }
    expect(counts.size).toBe(4)
    // 16 each, give or take a quarter.
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(20)
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(12)
    for (const client of clients) client.destroy()
  })

  test('serve a hundred busy connections without losing one', async () => {
    const sluice = await startSluice({
      workers: 2,
      http: 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 ok; } }',
    })
    const load = startLoad(sluice.port('a'), 100)
    await waitFor('many answers', () => (load.counts.statuses.get(200) ?? 0) > 1000, 20_000)
    const counts = await load.stop()
    expect(counts.lost).toBe(0)
    expect([...counts.statuses.keys()]).toEqual([200])
  })
})
