// How many requests may be under way per key, over all workers: counted exactly, given back by every end of a request, of
// a worker, and of a generation. Requests are held by an origin that answers when it is told to.

import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { type Origin, rawOrigin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const ZONE = 'limit_conn_zone $arg_k zone=one:1m;'
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'

/** `/held` waits for the origin; `/` answers at once. Both allow `most` requests. */
function conf(most: number, zone = ZONE): { http: string; workers: number; files: Record<string, string> } {
  return {
    workers: 2,
    files: { 'html/index.html': 'in\n' },
    http: `
      ${zone}
      server {
        listen 127.0.0.1:%%PORT:a%%;
        root %%DIR%%/html;
        add_header X-Limit $limit_conn_status always;
        limit_conn one ${most};
        location / { }
        location /held {
          proxy_pass http://127.0.0.1:%%PORT:origin%%;
          proxy_set_header X-Pid $pid;
        }
      }`,
  }
}

interface Story {
  readonly sluice: ServerProcess
  readonly origin: Origin
}

async function start(most: number, expectAlerts: RegExp[] = []): Promise<Story> {
  const origin = await rawOrigin(() => {})
  const sluice = await startSluice({ ...conf(most), ports: { origin: origin.port }, expectAlerts })
  return { sluice, origin }
}

/** A request that has reached the origin and waits there. */
interface Held {
  readonly client: Client
  /** Of the worker that holds it. */
  readonly pid: number
  answer(): void
}

let serial = 0

async function hold({ sluice, origin }: Story, key: string): Promise<Held> {
  const client = await Client.connect(sluice.port('a'))
  const id = `id-${++serial}`
  client.send(getOnce(`/held?k=${key}`, [`X-Id: ${id}`]))
  const connection = await waitFor(`request ${id} at the origin`, () => {
    if (client.ended) throw new Error(`no request at the origin but ${client.received}`)
    return origin.connections.find(({ received }) => received.includes(`${id}\r\n`))
  })
  return {
    client,
    pid: Number(/X-Pid: (\d+)/.exec(connection.received)?.[1]),
    answer: () => connection.end(ANSWER),
  }
}

async function status({ sluice }: Story, key: string): Promise<number> {
  return (await ask(sluice.port('a'), getOnce(`/?k=${key}`))).status
}

async function becomes(story: Story, key: string, expected: number): Promise<void> {
  await waitFor(`a ${expected}`, async () => (await status(story, key)) === expected)
}

describe('limit_conn', () => {
  test('counts over all workers, and gives back what has ended', async () => {
    const story = await start(3)
    const held = [await hold(story, 'a'), await hold(story, 'a'), await hold(story, 'a')]
    for (let i = 0; i < 10; i++) expect(await status(story, 'a')).toBe(503)
    expect(await status(story, 'b')).toBe(200)
    held[1]?.answer()
    expect((await held[1]?.client.response())?.header('x-limit')).toBe('PASSED')
    await becomes(story, 'a', 200)
    const again = await hold(story, 'a')
    expect(await status(story, 'a')).toBe(503)
    for (const { client } of [...held, again]) client.destroy()
    await becomes(story, 'a', 200)
  })

  test('logs a refusal with the zone', async () => {
    const story = await start(1)
    const held = await hold(story, 'logged')
    expect(await status(story, 'logged')).toBe(503)
    const [line] = await story.sluice.waitForLog(/^.*limiting connections.*$/m)
    expect(line).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ limiting connections by zone "one", client: 127\.0\.0\.1, server: , request: "GET \/\?k=logged HTTP\/1\.1", host: "t\.test"$/,
    )
    held.client.destroy()
  })

  test('never lets more through than allowed, whatever the crowd', async () => {
    const story = await start(5)
    const crowd = Array.from({ length: 40 }, async () => {
      const client = await Client.connect(story.sluice.port('a'))
      client.send(getOnce('/held?k=crowd'))
      return client
    })
    const clients = await Promise.all(crowd)
    const refused = () => clients.filter(({ received }) => received.startsWith('HTTP/1.1 503')).length
    await waitFor('35 refusals', () => refused() === 35)
    await waitFor('5 requests at the origin', () => story.origin.connections.length === 5)
    for (const client of clients) client.destroy()
    await becomes(story, 'crowd', 200)
  })
})

describe.skipIf(STORIES_OF_NGINX)('a worker that is killed', () => {
  test('gives back what it held, and only that', async () => {
    const story = await start(4, [/worker process \d+ exited on signal 9/])
    const held: Held[] = []
    const pids = () => new Set(held.map(({ pid }) => pid))
    // Until both workers hold some of the four; whose they are is the kernel's choice.
    while (pids().size < 2) {
      for (const { client } of held.splice(0)) client.destroy()
      await becomes(story, 'a', 200)
      for (let i = 0; i < 4; i++) held.push(await hold(story, 'a'))
    }
    expect(await status(story, 'a')).toBe(503)
    const victim = held[0]?.pid ?? 0
    const lost = held.filter(({ pid }) => pid === victim)
    const kept = held.filter(({ pid }) => pid !== victim)
    process.kill(victim, 'SIGKILL')
    await story.sluice.waitForLog(new RegExp(`worker process ${victim} exited on signal 9`))
    await becomes(story, 'a', 200)
    const again: Held[] = []
    for (const _ of lost) again.push(await hold(story, 'a'))
    for (let i = 0; i < 6; i++) expect(await status(story, 'a')).toBe(503)
    for (const { answer, client } of kept) {
      answer()
      expect((await client.response()).status).toBe(200)
    }
    for (const { client } of again) client.destroy()
    await becomes(story, 'a', 200)
  })

  test('again and again leaves nothing behind', async () => {
    const story = await start(2, [
      /worker process \d+ exited on signal 9/,
      /shared memory zone "one" was locked by \d+/,
    ])
    for (let round = 0; round < 5; round++) {
      const held = [await hold(story, 'a'), await hold(story, 'a')]
      expect(await status(story, 'a')).toBe(503)
      for (const { pid } of story.sluice.workers()) process.kill(pid, 'SIGKILL')
      await waitFor('two new workers', () => story.sluice.workers().length === 2)
      await waitFor('an answer', async () => (await status(story, 'a').catch(() => 0)) === 200)
      for (const { client } of held) client.destroy()
    }
  })
})

describe('a reload', () => {
  test('keeps counting what the old workers hold, until they have finished', async () => {
    const story = await start(1)
    const held = await hold(story, 'a')
    const old = story.sluice.workers().map(({ pid }) => pid)
    story.sluice.signal('SIGHUP')
    await waitFor('new workers', () => story.sluice.workers().filter(({ pid }) => !old.includes(pid)).length === 2)
    for (let i = 0; i < 5; i++) expect(await status(story, 'a')).toBe(503)
    held.answer()
    expect((await held.client.response()).status).toBe(200)
    await becomes(story, 'a', 200)
  })

  test('with another size counts on (nginx: begins anew), with another key is refused', async () => {
    const story = await start(1)
    const held = await hold(story, 'a')
    await story.sluice.writeConf(wholeConf(conf(1, 'limit_conn_zone $arg_x zone=one:1m;')))
    story.sluice.expectAlert(/\[emerg\]/)
    story.sluice.signal('SIGHUP')
    await story.sluice.waitForLog(
      /\[emerg\] .*limit_conn_zone "one" uses the "\$arg_x" key while previously it used the "\$arg_k" key/,
    )
    expect(await status(story, 'a')).toBe(503)
    await story.sluice.writeConf(wholeConf(conf(1, 'limit_conn_zone $arg_k zone=one:2m;')))
    const old = story.sluice.workers().map(({ pid }) => pid)
    story.sluice.signal('SIGHUP')
    await waitFor('new workers', () => story.sluice.workers().filter(({ pid }) => !old.includes(pid)).length === 2)
    if (STORIES_OF_NGINX) await becomes(story, 'a', 200)
    else for (let i = 0; i < 5; i++) expect(await status(story, 'a')).toBe(503)
    held.answer()
    expect((await held.client.response()).status).toBe(200)
    await becomes(story, 'a', 200)
  })
})
