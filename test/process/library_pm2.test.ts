// One limit for the four processes of PM2's cluster mode, where there is no primary of ours. PM2 is taken from the PATH.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, onTestFinished, test } from 'vitest'
import {
  expectLimitForEach,
  expectOneLimit,
  FRAMEWORKS,
  type FrameworkName,
  groupEnv,
  groupPids,
} from '../harness/limited_group.ts'
import { findPeer } from '../harness/peers.ts'
import { freePort } from '../harness/ports.ts'

const PM2 = findPeer('pm2')
/** PM2 starts and ends its processes one after the other. */
const PATIENCE_MS = 120_000
const APP = join(import.meta.dirname, '../harness/limited_app.mjs')

async function start(framework: FrameworkName): Promise<{ port: number; dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-pm2-'))
  const port = await freePort()
  const config = join(dir, 'ecosystem.config.json')
  const app = { name: framework, script: APP, instances: 4, exec_mode: 'cluster', env: groupEnv(framework, port, dir) }
  writeFileSync(config, JSON.stringify({ apps: [app] }))
  // A daemon of its own, with all its files here.
  const env = { ...process.env, PM2_HOME: join(dir, 'pm2'), PM2_DISABLE_VERSION_CHECK: 'true' }
  const run = (...args: string[]) => promisify(execFile)(PM2 as string, args, { env })
  onTestFinished(async () => {
    await run('kill')
    rmSync(dir, { recursive: true })
  }, PATIENCE_MS)
  await run('start', config)
  return { port, dir }
}

describe.skipIf(PM2 === undefined)("with PM2's cluster mode (needs pm2)", () => {
  test.each(FRAMEWORKS)(
    '%s has one limit over all workers, also when one is killed',
    async (framework) => {
      const { port, dir } = await start(framework)
      const pids = await groupPids(port)
      // In the same run: the framework's usual limiter admits four times its limit.
      if (framework !== 'koa') await expectLimitForEach(port)
      await expectOneLimit(port, pids, dir)
    },
    PATIENCE_MS,
  )
})
