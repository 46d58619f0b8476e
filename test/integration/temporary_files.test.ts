// Bodies that do not fit into memory: workers that gave up root must still find a folder of their own.

import { chmodSync, readdirSync, statSync, unlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { httpOrigin } from '../harness/origin.ts'
import { startSluice } from '../harness/sluice.ts'

const isRoot = process.getuid?.() === 0

describe('a body larger than client_body_buffer_size', () => {
  test.skipIf(!isRoot)('goes to a folder that the master made for the user of the workers', async () => {
    const origin = await httpOrigin((asked) => `${asked.body.length}`)
    const sluice = await startSluice({
      conf: `
        user nobody nogroup;
        pid server.pid;
        error_log logs/error.log info;
        events { }
        http {
          access_log logs/access.log;
          client_body_buffer_size 1k;
          client_body_temp_path bodies;
          server {
            listen 127.0.0.1:%%PORT:a%%;
            location / { proxy_pass http://127.0.0.1:${origin.port}; }
          }
        }`,
    })
    // mkdtemp keeps others out; the master could go in, its workers cannot.
    chmodSync(sluice.dir, 0o755)
    const body = 'x'.repeat(20_000)
    const response = await ask(
      sluice.port('a'),
      request('POST', '/', [`Content-Length: ${body.length}`, 'Connection: close']) + body,
    )
    expect([response.status, response.body]).toEqual([200, '20000'])
    const folder = statSync(`${sluice.dir}/bodies`)
    expect([folder.uid, folder.mode & 0o777]).toEqual([65534, 0o700])
  })
})

describe('client_body_in_file_only clean', () => {
  test('a file that the origin has taken away is no reason to end', async () => {
    const origin = await httpOrigin(() => {
      const folder = `${sluice.dir}/bodies`
      const names = readdirSync(folder)
      for (const name of names) unlinkSync(`${folder}/${name}`)
      return `took ${names.length}`
    })
    const sluice = await startSluice({
      ports: { origin: origin.port },
      http: `
        server {
          listen 127.0.0.1:%%PORT:a%%;
          client_body_temp_path %%DIR%%/bodies;
          client_body_in_file_only clean;
          location / { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
        }`,
    })
    const client = await Client.connect(sluice.port('a'))
    client.send(request('POST', '/', ['Content-Length: 3'], 'abc'))
    expect((await client.response()).body).toBe('took 1')
    // The same worker goes on.
    client.send(getOnce('/'))
    expect((await client.response()).status).toBe(200)
  })
})
