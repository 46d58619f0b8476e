// The library as its users get it: the built package, imported by real processes.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'

const ENTRY = join(import.meta.dirname, '../../dist/limiter/index.js')

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-library-'))
  return () => rmSync(dir, { recursive: true })
})

/** Runs a script to its end; what it printed. */
function run(script: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const file = ['--input-type=commonjs', '-e', script]
    const child = spawn(process.execPath, file, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (errors += chunk))
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${code}: ${errors}`))))
  })
}

describe('the package', () => {
  test('is loaded by require and by import, without any of the proxy’s code', async () => {
    const coverage = join(dir, 'coverage')
    const output = await run(
      `const { openZone } = require(${JSON.stringify(ENTRY)})
      import(${JSON.stringify(pathToFileURL(ENTRY).href)}).then((module) => {
        const limit = openZone('test', { dir: ${JSON.stringify(dir)} }).limit({ name: 'api', rate: '1r/d' })
        console.log(module.openZone === openZone, limit.check('k').allowed, limit.check('k').allowed)
      })`,
      { NODE_V8_COVERAGE: coverage, NODE_NO_WARNINGS: '1' },
    )
    expect(output).toBe('true true false\n')
    // Coverage names every script that was loaded.
    const urls = readdirSync(coverage).flatMap((name) => {
      const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as { result: { url: string }[] }
      return result.map(({ url }) => url)
    })
    const ours = urls.filter((url) => url.includes('/dist/')).map((url) => url.slice(url.indexOf('/dist/')))
    expect(ours).toContain('/dist/limiter/index.js')
    for (const path of ours) expect(path).toMatch(/^\/dist\/(limiter\/\w+|native\/(load|limit_codes))\.js$/)
  })
})
