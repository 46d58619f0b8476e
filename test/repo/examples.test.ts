// Every configuration that we ship is accepted, by sluice and, as far as it is installed, by nginx; and the default one does
// what README says.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, rawRequest } from '../harness/client.ts'
import { PACKAGE_ROOT } from '../harness/commands.ts'
import { getOnce, parseResponses, request } from '../harness/http_text.ts'
import { runProgram } from '../harness/run.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'

const CONFIG = join(PACKAGE_ROOT, 'config')
const EXAMPLES = readdirSync(join(CONFIG, 'examples')).map((name) => `examples/${name}`)

describe('a shipped configuration passes -t', () => {
  test.each(['sluice.conf', ...EXAMPLES])('%s', async (name) => {
    const prefix = makeStoryDir()
    onTestFinished(() => rmSync(prefix, { recursive: true, force: true }))
    const args = ['-t', '-p', prefix, '-c', join(CONFIG, name), '-e', 'logs/error.log']
    const { code, stderr } = await runProgram(args)
    expect(stderr).toMatch(/test is successful\n$/)
    expect(code).toBe(0)
  })
})

/** The default configuration on ports of ours, with one worker and its log in the story's directory. */
function defaultConf(): string {
  return readFileSync(join(CONFIG, 'sluice.conf'), 'utf8')
    .replaceAll('8080', '%%PORT:front%%')
    .replaceAll('8081', '%%PORT:origin%%')
    .replace('worker_processes auto', `${process.getuid?.() === 0 ? 'user root; ' : ''}worker_processes 2`)
    .replaceAll('logs/sluice.pid', 'server.pid')
    .replace('mime.types', join(CONFIG, 'mime.types'))
    .replace('README.md;', `${join(PACKAGE_ROOT, 'README.md')};`)
}

describe('the default configuration', () => {
  test('passes 121 of 200 requests to /nodelay/ and refuses the rest with 503', async () => {
    const sluice = await startSluice({ conf: defaultConf() })
    const bytes = request('GET', '/nodelay/').repeat(199) + getOnce('/nodelay/')
    const responses = parseResponses(await rawRequest(sluice.port('front'), bytes))
    const count = (status: number) => responses.filter((response) => response.status === status).length
    expect(count(200)).toBeGreaterThanOrEqual(121)
    expect(count(200)).toBeLessThanOrEqual(123) // one more for each second that 200 requests took
    expect(count(200) + count(503)).toBe(200)
    expect(responses[0]?.body).toContain('the proxy said you are 127.0.0.1')
    expect(responses[0]?.header('x-limit')).toBe('PASSED')
    expect(responses.at(-1)?.header('x-limit')).toBe('REJECTED')
  })

  test('delays a second request to / by a second', async () => {
    const sluice = await startSluice({ conf: defaultConf() })
    await ask(sluice.port('front'), getOnce('/'))
    const before = performance.now()
    const response = await ask(sluice.port('front'), getOnce('/'))
    expect(response.header('x-limit')).toBe('DELAYED')
    expect(performance.now() - before).toBeGreaterThan(800)
    await sluice.waitForAccess(/"GET \/ HTTP\/1\.1" 200 DELAYED (0\.9|1\.)\d+s/)
  })

  test('passes a file on', async () => {
    const sluice = await startSluice({ conf: defaultConf() })
    const response = await ask(sluice.port('front'), getOnce('/files/README.md'))
    expect(response.body).toBe(readFileSync(join(PACKAGE_ROOT, 'README.md'), 'latin1'))
    expect(response.header('content-type')).toBe('text/markdown')
  })
})
