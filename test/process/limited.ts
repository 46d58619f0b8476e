// A server that lets 1 + 10 requests of a key pass and then none for a minute, by a zone whose size is to be changed.

import { expect } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import type { Origin } from '../harness/origin.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { waitFor } from '../harness/wait_for.ts'

export const PATIENCE_MS = 30_000

export const PAGE = { 'html/page': 'served' }

export const limited = (size: string, more = '', state = '') => `
  limit_req_zone $arg_k zone=one:${size} rate=1r/m${state === '' ? '' : ` state=${state}`};
  server {
    listen 127.0.0.1:%%PORT:a%%;
    location / { root %%DIR%%/html; limit_req zone=one burst=10 nodelay; }
    ${more}
  }`

export const statusOf = async (sluice: ServerProcess, key: string) =>
  (await ask(sluice.port('a'), getOnce(`/page?k=${key}`))).status

/** Since when a key is used in a test, and how often it has passed. */
const uses = new Map<string, { readonly sinceMs: number; passed: number; forgiven: number }>()
const SHARE = 11
const EARNED_MS = 60_000

/** How many of `count` requests of a key pass, without those that it has earned because the machine is slow. */
export async function passes(sluice: ServerProcess, key: string, count = 15): Promise<number> {
  return passesOf(key, async () => {
    let passed = 0
    for (let i = 0; i < count; i++) if ((await statusOf(sluice, key)) === 200) passed++
    return passed
  })
}

/** The same for requests that the test makes in another way; these tell how many passed. */
export async function passesOf(key: string, requests: () => Promise<number>): Promise<number> {
  const id = `${expect.getState().currentTestName} ${key}`
  const use = uses.get(id) ?? { sinceMs: performance.now(), passed: 0, forgiven: 0 }
  uses.set(id, use)
  const passed = await requests()
  const earned = Math.floor((performance.now() - use.sinceMs) / EARNED_MS) - use.forgiven
  const forgiven = Math.min(Math.max(0, use.passed + passed - SHARE), earned)
  use.forgiven += forgiven
  use.passed += passed - forgiven
  return passed - forgiven
}

/** Resolves when the zone counts in memory of this size. */
export const inForce = (sluice: ServerProcess, bytes: number) =>
  sluice.waitForLog(new RegExp(`zone "one" is in force with ${bytes} bytes`), PATIENCE_MS)

export async function resize(sluice: ServerProcess, http: string, workers = 2): Promise<void> {
  await sluice.writeConf(wholeConf({ http, workers }))
  await sluice.reload(workers)
}

/** To be put into the server: what `holdOne` asks for, from a port named "origin". */
export const SLOW = 'location /slow { proxy_pass http://127.0.0.1:%%PORT:origin%%; }'

/** A request of key "a" that waits for its answer. */
export async function holdOne(sluice: ServerProcess, origin: Origin) {
  const client = await Client.connect(sluice.port('a'))
  const known = origin.connections.length
  client.send(request('GET', '/slow?k=a'))
  await waitFor('the request at the origin', () => origin.connections.length > known)
  return { client, connection: origin.connections[known]! }
}

/** Lets it have its answer. */
export async function answer({ client, connection }: Awaited<ReturnType<typeof holdOne>>): Promise<void> {
  connection.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  expect((await client.response()).status).toBe(200)
  client.destroy()
}
