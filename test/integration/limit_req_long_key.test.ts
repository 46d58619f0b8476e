// A key longer than 65535 bytes limits nobody, and the log says so.

import { expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import { startSluice } from '../harness/sluice.ts'

test('a key beyond 65535 bytes is skipped and logged at error', async () => {
  const sluice = await startSluice({
    files: { 'html/x': 'x' },
    http: `
      large_client_header_buffers 4 128k;
      limit_req_zone $http_x_key$http_x_key zone=one:2m rate=1r/m;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        root %%DIR%%/html;
        limit_req zone=one;
      }`,
  })
  const get = (length: number) => ask(sluice.port('a'), getOnce('/x', [`X-Key: ${'k'.repeat(length)}`]))
  for (let i = 0; i < 3; i++) expect((await get(32_768)).status).toBe(200)
  await sluice.waitForLog(/\[error\].*the value of the "\$http_x_key\$http_x_key" key is more than 65535 bytes: "kkk/)
})
