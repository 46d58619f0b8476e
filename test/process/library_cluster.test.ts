// One limit for the four processes of node:cluster, whichever framework they use.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, onTestFinished, test } from 'vitest'
import {
  expectLimitForEach,
  expectOneLimit,
  FRAMEWORKS,
  type FrameworkName,
  groupEnv,
  groupPids,
} from '../harness/limited_group.ts'
import { freePort } from '../harness/ports.ts'

const PRIMARY = join(import.meta.dirname, '../harness/limited_cluster.mjs')

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-cluster-'))
  return () => rmSync(dir, { recursive: true })
})

async function start(framework: FrameworkName): Promise<number> {
  const port = await freePort()
  const env = { ...process.env, ...groupEnv(framework, port, dir) }
  const primary = spawn(process.execPath, [PRIMARY], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise((resolve) => primary.once('exit', resolve))
  onTestFinished(async () => {
    primary.kill('SIGTERM')
    await ended
  })
  return port
}

describe('with node:cluster', () => {
  test.each(FRAMEWORKS)(
    '%s has one limit over all workers, also when one is killed',
    async (framework) => {
      const port = await start(framework)
      const pids = await groupPids(port)
      // In the same run: the framework's usual limiter admits four times its limit.
      if (framework !== 'koa') await expectLimitForEach(port)
      await expectOneLimit(port, pids, dir)
    },
    60_000,
  )
})
