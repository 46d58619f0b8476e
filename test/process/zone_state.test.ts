// Zones that outlive the process: `limit_req_zone ... state=PATH`.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { serving } from './serving.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-state-'))
  path = join(folder, 'one')
})
afterEach(() => rmSync(folder, { recursive: true }))

const limited = (key = '$arg_k'): string => `
  limit_req_zone ${key} zone=one:64k rate=1r/m state=${path};
  server { listen 127.0.0.1:%%PORT:a%%; location / { root %%DIR%%/html; limit_req zone=one; } }`

async function start(main = '', workers = 2): Promise<ServerProcess> {
  const sluice = await startSluice({ files: { 'html/x': 'in' }, http: limited(), workers, main })
  if (workers > 0) await serving(sluice)
  return sluice
}

const statusOf = async (sluice: ServerProcess, key: string): Promise<number> =>
  (await ask(sluice.port('a'), getOnce(`/x?k=${key}`))).status

describe('a state file', () => {
  test('keeps what was counted over a restart', async () => {
    const first = await start()
    expect(await statusOf(first, 'a')).toBe(200)
    await first.stop()
    expect(statSync(path).mode & 0o7777).toBe(0o600)
    const second = await start()
    expect(await statusOf(second, 'a')).toBe(503)
    expect(await statusOf(second, 'b')).toBe(200)
  })

  test('serves a process without workers, too', async () => {
    const first = await start('master_process off;', 0)
    expect(await statusOf(first, 'a')).toBe(200)
    await first.stop()
    const second = await start('master_process off;', 0)
    expect(await statusOf(second, 'a')).toBe(503)
  })

  test('is kept over a reload', async () => {
    const sluice = await start()
    expect(await statusOf(sluice, 'a')).toBe(200)
    await sluice.reload()
    expect(await statusOf(sluice, 'a')).toBe(503)
  })

  test('of another key makes a reload fail, in words of nginx', async () => {
    const sluice = await start()
    const refusal = 'limit_req "one" uses the "$uri" key while previously it used the "$arg_k" key'
    sluice.expectAlert(/uses the "\$uri" key/)
    await sluice.writeConf(wholeConf({ http: limited('$uri'), workers: 2 }))
    sluice.signal('SIGHUP')
    await sluice.waitForLog(/uses the/)
    expect(sluice.log()).toContain(refusal)
    expect(await statusOf(sluice, 'a')).toBe(200)
  })
})
