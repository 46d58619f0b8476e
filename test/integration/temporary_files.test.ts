// Bodies that do not fit into memory: workers that gave up root must still find a folder of their own.

import { chmodSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { request } from '../harness/http_text.ts'
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
