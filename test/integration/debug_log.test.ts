// Messages of level debug: of every request, or of the clients that debug_connection names.

import { describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'

const HTTP = 'server { listen 127.0.0.1:%%PORT:a%%; location /p { return 200; } }'

async function linesWith(level: string, events: string): Promise<string[]> {
  const conf = `worker_processes 1; pid server.pid; error_log logs/error.log ${level};
    events { ${events} } http { access_log off; ${HTTP} }`
  const sluice = await startSluice({ conf })
  expect((await ask(sluice.port('a'), getOnce('/p?x=1'))).status).toBe(200)
  await sluice.end()
  return sluice.logLines(/\[debug\]/).filter((line) => line.includes(' *'))
}

// Whether nginx has such messages depends on how it was built.
describe.skipIf(STORIES_OF_NGINX)('debug messages', () => {
  test.each([
    ['debug', ''],
    ['error', 'debug_connection 127.0.0.0/8;'],
    ['crit', 'debug_connection 10.0.0.1; debug_connection 127.0.0.1;'],
    ['error', 'debug_connection localhost;'],
  ])('are written at level %s with "%s"', async (level, events) => {
    const texts = (await linesWith(level, events)).map((line) => line.replace(/^.*#\d+: \*\d+ /, ''))
    expect(texts).toEqual([
      'http request line: "GET /p?x=1 HTTP/1.1"',
      'using configuration "/p"',
      'http finalize request: 200, "/p?x=1"',
    ])
  })

  test.each([
    ['info', ''],
    ['info', 'debug_connection 10.0.0.0/8; debug_connection ::1; debug_connection unix:;'],
  ])('are not written at level %s with "%s"', async (level, events) => {
    expect(await linesWith(level, events)).toEqual([])
  })
})
