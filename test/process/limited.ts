// A server that lets 1 + 10 requests of a key pass and then none for a minute, by a zone whose size is to be changed.

import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'

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

/** How many requests of a key pass, of many. */
export async function passes(sluice: ServerProcess, key: string): Promise<number> {
  let passed = 0
  for (let i = 0; i < 15; i++) if ((await statusOf(sluice, key)) === 200) passed++
  return passed
}

/** Resolves when the zone counts in memory of this size. */
export const inForce = (sluice: ServerProcess, bytes: number) =>
  sluice.waitForLog(new RegExp(`zone "one" is in force with ${bytes} bytes`), PATIENCE_MS)

export async function resize(sluice: ServerProcess, http: string, workers = 2): Promise<void> {
  await sluice.writeConf(wholeConf({ http, workers }))
  await sluice.reload(workers)
}
