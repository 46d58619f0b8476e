// The end of what a worker can hold: worker_connections, which those to upstreams count for too, and descriptors.

import { describe, expect, test } from 'vitest'
import { Client } from '../harness/client.ts'
import { request } from '../harness/http_text.ts'
import { type OriginConnection, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

/** One is the listening socket's and one the channel's: 18 are left. Room is made when 1 or none of them is free. */
const CONNECTIONS = 20

const PAGE = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'
const NOT_ENOUGH = /\[alert\].* 20 worker_connections are not enough/

async function idle(sluice: ServerProcess): Promise<Client> {
  const client = await Client.connect(sluice.port('a'))
  await serve(client)
  return client
}

async function serve(client: Client): Promise<void> {
  client.send(request('GET', '/'))
  expect((await client.response()).body).toBe('served')
}

async function several<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let i = 0; i < count; i++) made.push(await make())
  return made
}

const isOpen = (client: Client) => !client.ended

describe('worker_connections', () => {
  test('idle connections give way to new ones, the oldest first and an eighth at once', async () => {
    const sluice = await startSluice({ http: PAGE, connections: CONNECTIONS })
    const clients = await several(17, () => idle(sluice))
    expect(clients.every(isOpen)).toBe(true)
    expect(sluice.log()).not.toContain('are not enough')
    clients.push(await idle(sluice))
    await waitFor('the oldest two to be closed', () => !isOpen(clients[0]!) && !isOpen(clients[1]!))
    expect(clients.slice(0, 2).map(({ received }) => received)).toEqual(['', ''])
    expect(clients.slice(2).every(isOpen)).toBe(true)
    expect(sluice.log()).toMatch(/\[warn\].* 20 worker_connections are not enough, reusing connections/)
    // Whoever has a request is young again.
    await serve(clients[2]!)
    clients.push(...(await several(2, () => idle(sluice))))
    await waitFor('the next two to be closed', () => !isOpen(clients[3]!) && !isOpen(clients[4]!))
    for (const client of [clients[2]!, ...clients.slice(5)]) await serve(client)
    for (const client of clients) client.destroy()
  })

  test('connections that have sent nothing give way, those in the middle of a request do not', async () => {
    const sluice = await startSluice({ http: PAGE, connections: CONNECTIONS })
    // The harness has tried the port, perhaps before the worker accepted. Were that connection among those below, accepted
    // in one go with them, room would be made before anything of theirs has been read.
    const first = await Client.connect(sluice.port('a'))
    first.send(request('GET', '/', ['Connection: close']))
    await first.closed()
    const inHead = await several(8, async () => {
      const client = await Client.connect(sluice.port('a'))
      client.send('GET / HTTP/1.1\r\n')
      return client
    })
    const silent = await several(8, () => Client.connect(sluice.port('a')))
    // When it is answered, all others have been accepted, and what they have sent has been read.
    const young = await idle(sluice)
    const last = await idle(sluice)
    await waitFor('the oldest silent one to be closed', () => !isOpen(silent[0]!))
    expect([...silent.slice(1), ...inHead, young, last].every(isOpen)).toBe(true)
    for (const client of inHead) {
      client.send('Host: t.test\r\n\r\n')
      expect((await client.response()).body).toBe('served')
    }
    for (const client of [...inHead, ...silent, young, last]) client.destroy()
  })

  test('of upstreams count; when all are busy, new ones are refused', async () => {
    const waiting: OriginConnection[] = []
    const origin = await rawOrigin(async (connection) => {
      await connection.request()
      waiting.push(connection)
    })
    const http = `server { listen 127.0.0.1:%%PORT:a%%; location / { proxy_pass http://127.0.0.1:${origin.port}; } }`
    const sluice = await startSluice({ http, connections: CONNECTIONS, expectAlerts: [NOT_ENOUGH] })
    const ask = async () => {
      const client = await Client.connect(sluice.port('a'))
      client.send(request('GET', '/', ['Connection: close']))
      return client
    }
    const asking = await several(8, ask)
    const inHead = await Client.connect(sluice.port('a'))
    inHead.send('GET / HTTP/1.1\r\n')
    await waitFor('eight requests at the origin', () => waiting.length === 8)
    // 17 are in use: its own is the last one, and there is none to the upstream.
    const unlucky = await ask()
    expect((await unlucky.response()).status).toBe(500)
    await unlucky.closed()
    expect(sluice.log()).toMatch(/worker_connections are not enough while connecting to upstream, client: .*"GET \/ /)
    inHead.destroy()
    asking.push(await ask())
    await waitFor('nine requests at the origin', () => waiting.length === 9)
    const refused = await ask()
    await refused.closed()
    expect(refused.received).toBe('')
    expect(sluice.logLines(NOT_ENOUGH)).toHaveLength(2)
    for (const connection of waiting) connection.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    for (const client of asking) expect((await client.response()).body).toBe('ok')
    const later = await ask()
    await waitFor('one more request at the origin', () => waiting.length === 10)
    waiting[9]!.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect((await later.response()).body).toBe('ok')
  })
})

describe('without a descriptor for a new connection', () => {
  test('it is said as crit, and who waits is served when there are descriptors again', async () => {
    const sluice = await startSluice({ http: PAGE, main: 'worker_rlimit_nofile 60;' })
    const clients = await several(100, async () => {
      const client = await Client.connect(sluice.port('a'))
      client.send(request('GET', '/'))
      return client
    })
    await sluice.waitForLog(/\[crit\] \d+#\d+: accept4\(\) failed \(24: Too many open files\)/)
    const served = new Set<Client>()
    await waitFor('all hundred to be served', () => {
      for (const client of clients) {
        if (served.has(client) || !client.received.endsWith('served')) continue
        served.add(client)
        client.destroy()
      }
      return served.size === clients.length
    })
    expect(clients.some(({ errorCode }) => errorCode !== undefined)).toBe(false)
    // It pauses for accept_mutex_delay between two attempts: a hundred clients are some rounds, each with a line.
    expect(sluice.logLines(/accept4\(\) failed/).length).toBeLessThan(20)
  })
})
