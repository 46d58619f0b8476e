// The library as its users get it: the built package, imported by real processes.

import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const ENTRY = join(ROOT, 'dist/limiter/index.js')

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

  test('serves one process where there is no addon, and says so once', async () => {
    for (const part of ['dist', 'package.json']) cpSync(join(ROOT, part), join(dir, part), { recursive: true })
    mkdirSync(join(dir, 'node_modules'))
    symlinkSync(join(ROOT, 'node_modules/node-gyp-build'), join(dir, 'node_modules/node-gyp-build'))
    const script = `
      const warnings = []
      process.on('warning', ({ code }) => warnings.push(code))
      const { openZone } = require(${JSON.stringify(join(dir, 'dist/limiter/index.js'))})
      const [zone, same] = [openZone('test'), openZone('test')]
      const limits = [zone, same].map((each) => each.limit({ name: 'api', rate: '1r/d' }))
      setImmediate(() => console.log(zone.path, ...limits.map((limit) => limit.check('k').allowed), ...warnings))`
    expect(await run(script, { NODE_NO_WARNINGS: '1' })).toBe('undefined true false SLUICE_ONE_PROCESS\n')
  })
})
