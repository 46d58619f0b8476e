// Whoever sees the end of a connection finds its requests in the access log: scripts and nginx's own tests rely on it.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { getOnce } from '../harness/http_text.ts'
import { startSluice } from '../harness/sluice.ts'

test('a request is in the access log when its connection ends', async () => {
  const sluice = await startSluice({
    http: `
      log_format line "$uri";
      server { listen 127.0.0.1:%%PORT:a%%; access_log logs/line.log line; location / { return 200 ok; } }`,
  })
  // The first request of a worker compiles code for milliseconds between the end of the response and the end of the turn.
  for (let i = 0; i < 30; i++) {
    const socket = connect(sluice.port('a'), '127.0.0.1')
    socket.resume().write(getOnce(`/${i}`))
    await once(socket, 'end')
    expect(readFileSync(join(sluice.dir, 'logs/line.log'), 'latin1')).toContain(`/${i}\n`)
  }
})
